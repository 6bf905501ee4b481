import { readFileSync } from 'node:fs'

/** What may come from a file, as container platforms hand out secrets: the variable's name and _FILE. */
export const FROM_FILES = [
  'DATABASE_URL',
  'REDIS_URL',
  'LIVEKIT_API_KEY',
  'LIVEKIT_API_SECRET',
  'SECRET_KEY',
  'SECRET_KEY_PREVIOUS',
  'NEDA_BOOTSTRAP_ADMIN_PASSWORD',
] as const

type Env = Readonly<Record<string, string | undefined>>

/** The environment with what is in files put in place of their names, and what could not be read. */
export function withFiles(env: Env): { readonly env: Env; readonly problems: readonly string[] } {
  const result: Record<string, string | undefined> = { ...env }
  const problems: string[] = []
  for (const name of FROM_FILES) {
    const file = env[`${name}_FILE`]
    if (!file) continue
    if (env[name]) problems.push(`${name} and ${name}_FILE are both set: which of them counts?`)
    try {
      result[name] = readFileSync(file, 'utf8').trim()
      if (result[name] === '') problems.push(`${name}_FILE is empty`)
    } catch (error) {
      problems.push(`${name}_FILE cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown reason'}`)
    }
  }
  return { env: result, problems }
}
