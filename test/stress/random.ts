/** Random choices that a seed repeats: the same name and seed give the same choices, whatever else runs. */
export class Random {
  #state: number

  constructor(...seed: (string | number)[]) {
    let hash = 0x811c9dc5
    for (const letter of seed.join(' ')) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193)
    this.#state = hash >>> 0
  }

  /** From 0 to 1, without 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `least` to `most`, both possible. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  one<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.next() * items.length)]
    if (item === undefined) throw new Error('nothing to choose from')
    return item
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    return items
      .map((item) => ({ item, rank: this.next() }))
      .toSorted((one, other) => one.rank - other.rank)
      .map(({ item }) => item)
  }
}
