import { readFile, writeFile } from 'node:fs/promises'
import { LoginDocument } from '../generated/operations.ts'

interface Manifest {
  readonly operations: readonly { readonly id: string; readonly body: string }[]
}

/** Settings of a server that executes what this manifest names and nothing else; and lets the admin of a test sign in, who may do anything. */
export async function trusting(manifest: string, file: string): Promise<Record<string, string>> {
  const { operations, ...rest } = JSON.parse(await readFile(manifest, 'utf8')) as Manifest
  const ofTests = { id: 'sign-in of the tests', body: LoginDocument.toString() }
  await writeFile(file, JSON.stringify({ ...rest, operations: [...operations, ofTests] }))
  return { TRUSTED_DOCUMENTS: file, TRUSTED_DOCUMENTS_MODE: 'enforce' }
}
