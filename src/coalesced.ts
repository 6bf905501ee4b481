/**
 * Lets one run go on at a time. Who asks while one is under way gets the next, together with all who ask until then: it begins after they
 * asked, so it sees what they did before.
 */
export function coalesced(run: () => Promise<void>): () => Promise<void> {
  let current: Promise<void> | null = null
  let next: Promise<void> | null = null
  const begin = () => {
    current = run().finally(() => {
      current = null
    })
    return current
  }
  const beginNext = () => {
    next = null
    return begin()
  }
  return () => {
    if (next) return next
    if (!current) return begin()
    // Whether the one before succeeds is for those who asked for it.
    next = current.then(beginNext, beginNext)
    return next
  }
}
