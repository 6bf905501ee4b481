import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface Locked {
  readonly version: string
  readonly resolved?: string
  readonly integrity?: string
  readonly optional?: boolean
  readonly link?: boolean
  readonly hasInstallScript?: boolean
}

const read = (path: string) => JSON.parse(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8'))
const { dependencies, devDependencies, optionalDependencies, allowScripts } = read('package.json')
const wanted = Object.entries<string>({ ...dependencies, ...devDependencies, ...optionalDependencies })
const locked = Object.entries<Locked>(read('package-lock.json').packages).filter(([path]) => path !== '')
const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)

test('every version is exact', () => {
  expect(wanted.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
})

test('the lock file holds what package.json wants', () => {
  const versions = new Map(locked.map(([path, { version }]) => [path, version]))
  expect(wanted.filter(([name, version]) => versions.get(`node_modules/${name}`) !== version)).toEqual([])
})

test('every package is locked by its hash; of other platforms, which are not installed here, by its version', () => {
  expect(locked.length).toBeGreaterThan(300)
  expect(locked.filter(([, it]) => !it.optional && !it.integrity?.startsWith('sha512-')).map(([path]) => path)).toEqual([])
})

test('every package comes from the registry that npm is set up for', () => {
  expect(locked.filter(([, { link, resolved = '' }]) => link || !/^(https:\/\/registry\.npmjs\.org\/.*)?$/.test(resolved))).toEqual([])
})

test('a package that runs a script at its installation is named, with whether it may', () => {
  const scripted = locked.filter(([, it]) => it.hasInstallScript).map(([path]) => nameOf(path))
  expect(scripted.length).toBeGreaterThan(0)
  expect(scripted.filter((name) => !(name in allowScripts))).toEqual([])
})

test('npm keeps to that', () => {
  expect(readFileSync(new URL('../.npmrc', import.meta.url), 'utf8')).toMatch(/^save-exact=true$[\s\S]*^strict-allow-scripts=true$/m)
})
