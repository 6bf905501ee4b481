import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { errorTable } from '../src/errors.ts'

test('docs/errors.md is the table of the code (npm run schema writes it)', () => {
  expect(readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')).toBe(errorTable())
})
