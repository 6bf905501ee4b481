/** Whether a write failed because of this unique index. Prisma 7 tells its name only deep in the error, and not in `meta.target`. */
export function violates(error: unknown, index: string): boolean {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'P2002' || !('meta' in error)) return false
  return JSON.stringify(error.meta).includes(`"${index}"`)
}
