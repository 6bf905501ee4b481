/** Counts what each of many may have open at once. */
export class Places {
  readonly #most: number
  readonly #taken = new Map<string, number>()

  constructor(most: number) {
    this.#most = most
  }

  /** Takes a place; what is returned gives it back. Null: there is none left. */
  take(whose: string): (() => void) | null {
    const taken = this.#taken.get(whose) ?? 0
    if (taken >= this.#most) return null
    this.#taken.set(whose, taken + 1)
    return () => this.#giveBack(whose)
  }

  #giveBack(whose: string) {
    const left = (this.#taken.get(whose) ?? 0) - 1
    if (left > 0) this.#taken.set(whose, left)
    else this.#taken.delete(whose)
  }
}
