import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { DEMO_PASSWORD } from '../../src/domains/auth/password-login.ts'
import { startNeda } from '../support/start-neda.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const KOTLIN = fileURLToPath(new URL('../../clients/kotlin/', import.meta.url))
const verify = async (...args: string[]) => (await promisify(execFile)(`${KOTLIN}verify.sh`, args)).stdout

test('clients/kotlin is generated and compiled, and talks to a NEDA that trusts its documents alone; what its page warns of is so', async () => {
  expect(await verify()).toMatch(/generated \d+ files from 5 files of operations/)
  await using folder = await temporaryFolder()
  await using neda = await startNeda({
    NEDA_DATA_DIR: folder.path,
    TRUSTED_DOCUMENTS: `${KOTLIN}verify/target/manifest.json`,
    TRUSTED_DOCUMENTS_MODE: 'enforce',
  })
  const said = (await verify(neda.url, 'ben', DEMO_PASSWORD)).split('\n').map((line) => line.split(': '))
  expect(Object.fromEntries(said.filter(({ length }) => length === 2))).toEqual({
    'the press': 'GRANTED, heard by 0',
    told: 'SNAPSHOT, TAKEN, then IDLE',
    afterwards: 'IDLE',
    'renewConnection over the socket': 'kept',
    'renewConnection by POST': 'BAD_USER_INPUT',
    'a group that is none': 'NOT_FOUND',
    "Apollo's own default": 'UNAUTHENTICATED',
    'the legacy protocol': '4406',
    'multipart over HTTP': 'SNAPSHOT',
  })
})
