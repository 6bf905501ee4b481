import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { expect, test } from 'vitest'
import { readConfig, VARIABLES } from '../src/config.ts'

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const names = (path: string, pattern: RegExp) => [...read(path).matchAll(pattern)].map(([, name = '']) => name).toSorted()

const example = read('.env.example')
const described = names('.env.example', /^#?([A-Z][A-Z_]*)=/gm)
const known = VARIABLES
const ofCompose = names('docker-compose.yml', /\$\{([A-Z_]+)/g)

test('.env.example has every variable of src/config.ts and docker-compose.yml once, and no other', () => {
  expect(known).toContain('DATABASE_URL')
  expect(described).toEqual([...new Set([...known, ...ofCompose])].toSorted())
})

test('.env.example sets nothing, and uncommented it changes nothing', () => {
  expect(parseEnv(example)).toEqual({})
  expect(readConfig(parseEnv(example.replaceAll(/^#(?=[A-Z])/gm, '')))).toEqual(readConfig({}))
})

test('.env.example says of every variable what it means', () => {
  const blocks = example.split('\n\n').filter((block) => /^#[A-Z]/m.test(block))
  for (const block of blocks) expect(block).toMatch(/^(# .+\n){1,2}(#[A-Z][A-Z_]*=.*\n?)+$/)
})
