import { writeFileSync } from 'node:fs'
import { errorTable } from '../src/errors.ts'

/** Writes docs/errors.md, the table of codes for those who write clients. A test fails when it is not what this prints. */
writeFileSync(new URL('../docs/errors.md', import.meta.url), errorTable())
