/** One media type that a client takes. */
export interface Preference {
  /** In lower case. */
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
  /** From 0, not at all, to 1. */
  readonly quality: number
}

/** What an `Accept` header names, the most wanted first; of two that are wanted as much, the one that was named first. */
export const preferences = (accept: string): Preference[] =>
  accept
    .split(',')
    .map(preference)
    .toSorted((a, b) => b.quality - a.quality)

function preference(named: string): Preference {
  const [type = '', ...rest] = named.toLowerCase().split(';')
  const parameters = new Map(rest.map(parameter))
  const quality = Number(parameters.get('q') ?? 1)
  return { type: type.trim(), parameters, quality: Number.isNaN(quality) ? 0 : quality }
}

function parameter(text: string): [name: string, value: string] {
  const [name = '', value = ''] = text.split('=')
  return [name.trim(), value.trim().replace(/^"(.*)"$/, '$1')]
}
