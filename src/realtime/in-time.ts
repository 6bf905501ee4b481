/**
 * The answer, or a rejection after so long. A process that was held up finds its timers due before it has read what came meanwhile: it reads
 * first, or an answer that is there already would count as none.
 */
export async function inTime<Answer>(answer: Promise<Answer>, ms: number, silence: string): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => setImmediate(() => reject(new Error(silence))), ms)
  })
  try {
    return await Promise.race([answer, tooLate])
  } finally {
    clearTimeout(timer)
  }
}
