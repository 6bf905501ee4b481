/**
 * npm run build:sdk    writes sdk/dist: JavaScript, declarations and the manifest of documents, and says how large it is. `npm pack ./sdk` makes
 * a package of it.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = `${root}sdk/dist`

const run = (file: string, ...args: string[]) => execFileSync(process.execPath, [file, ...args], { cwd: root, stdio: 'inherit' })

rmSync(dist, { recursive: true, force: true })
// What runs has no comments, what is read has them.
const compiler = `${root}node_modules/typescript/bin/tsc`
run(compiler, '-p', 'sdk', '--declaration', 'false', '--removeComments')
run(compiler, '-p', 'sdk', '--emitDeclarationOnly')
run('scripts/print-documents.ts')

const scripts = readdirSync(dist, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.js'))
  .map((name) => ({ name, text: readFileSync(`${dist}/${name}`) }))

/** All in one, as a bundler would put it, but not minified. */
const sizeOf = (chosen: typeof scripts) => {
  const text = Buffer.concat(chosen.map(({ text }) => text))
  return `${kilobytes(text.length)}, ${kilobytes(gzipSync(text).length)} with gzip`
}
const kilobytes = (bytes: number) => `${(bytes / 1_000).toFixed(1)} kB`

console.log(`@neda/sdk: ${sizeOf(scripts)}`)
console.log(`of it the texts of all operations: ${sizeOf(scripts.filter(({ name }) => name.includes('generated')))}`)
