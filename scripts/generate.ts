/**
 * npm run generate    writes prisma/generated from schema.prisma, offline.
 * `prisma generate` runs no schema engine, but downloads one unless told where it is: any program that exists will do.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const packageFolder = (name: string, from: string) => dirname(createRequire(from).resolve(`${name}/package.json`))
const prisma = packageFolder('prisma', import.meta.url)
const engines = packageFolder('@prisma/engines', join(prisma, 'package.json'))
const hasEngine = readdirSync(engines).some((name) => name.startsWith('schema-engine-'))

const { status, error } = spawnSync(process.execPath, [join(prisma, 'build', 'index.js'), 'generate', ...process.argv.slice(2)], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  stdio: 'inherit',
  env: {
    ...(hasEngine ? {} : { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath }),
    CHECKPOINT_DISABLE: '1',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    ...process.env,
  },
})
if (error) throw error
process.exitCode = status ?? 1
