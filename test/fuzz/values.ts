import type fc from 'fast-check'
import { nat, noBias } from 'fast-check'
import { type GraphQLInputType, getNullableType, isEnumType, isInputObjectType, isListType, isNonNullType, isNullableType } from 'graphql'

/** What the generators draw from. */
export interface Pool {
  /** Of things that are there, and of things that are not. */
  readonly ids: readonly string[]
  readonly cursors: readonly string[]
  /** Must never be seen again: put wherever a text is not kept and shown. */
  readonly secrets: readonly string[]
}

/** Without the preference for the ends that numbers have in fast-check: these are choices. */
const evenly = (most: number) => noBias(nat(most))

export class Draw {
  readonly #g: fc.GeneratorValue
  /** Where this request may be wrong: with a mistake in the document no value is ever looked at. */
  readonly #wrong: 'nothing' | 'value' | 'document'

  constructor(g: fc.GeneratorValue) {
    this.#g = g
    this.#wrong = this.one(['nothing', 'nothing', 'value', 'value', 'document'])
  }

  one<T>(choices: readonly T[]): T {
    return choices[this.upTo(choices.length - 1)] as T
  }

  /** 0 to `most`. */
  upTo(most: number): number {
    return this.#g(evenly, most)
  }

  /** In so many of a hundred cases. */
  chance(percent: number): boolean {
    return this.upTo(99) >= 100 - percent
  }

  mistake(where: 'value' | 'document', percent: number): boolean {
    return this.#wrong === where && this.chance(percent)
  }
}

/** What breaks databases, logs and programs. */
const NASTY_TEXTS = ['\u0000', 'a\u0000b', '\ud800', '\udc00x', '%_\\', "' OR 1=1--", '__proto__', 'constructor', '\r\n\u001b[31mred']
const ODD_TEXTS: readonly string[] = [
  '',
  ' ',
  '\u202eabc',
  '\u200b\u200b',
  '\ufeff',
  'é',
  'e\u0301',
  '👩‍👩‍👧‍👦',
  'x'.repeat(101),
  'x'.repeat(2_001),
  'x'.repeat(70_000),
  '"}}',
  '{"$ne":null}',
  '../../etc/passwd',
  'toString',
  'null',
  'NaN',
  '1e309',
  '-0',
]
const NUMBERS = [1, 2, 5, 20, 100, 101, 0, -1, 200, 1_000, 5_000, 30_000, 1e9, 2 ** 31 - 1, -(2 ** 31)]
const NO_INTS = [2 ** 31, 2 ** 53, 1e30, 1.5, -0.5, '1', '', true, [1]]
const INSTANTS = ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.123456789+14:00', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z']
const NO_INSTANTS = ['2026-02-30T00:00:00Z', '0000-00-00', '+275760-09-13T00:00:01Z', 0]
const ANYTHING: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e30,
  '',
  'text',
  [],
  {},
  [null],
  [[[]]],
  { a: { b: [1] } },
  { $ne: null },
  { toJSON: 1 },
]
/** Shown to who may see it: a secret that somebody types here is shown too. */
const IS_KEPT = /name|description|requestId|search/i

/** A value for a variable of this type: mostly one that fits, else one that nearly does. */
export function valueFor(draw: Draw, type: GraphQLInputType, name: string, pool: Pool, depth = 0): unknown {
  if (isNullableType(type) && draw.chance(15)) return null
  if (draw.mistake('value', 10)) return draw.one(draw.chance(50) || IS_KEPT.test(name) ? ANYTHING : pool.secrets)
  const inner = getNullableType(type)
  if (isListType(inner)) {
    if (draw.chance(10)) return valueFor(draw, inner.ofType, name, pool, depth)
    const length = draw.chance(3) ? 250 : draw.upTo(3)
    return Array.from({ length }, () => (length > 3 ? draw.one(pool.ids) : valueFor(draw, inner.ofType, name, pool, depth)))
  }
  if (isInputObjectType(inner)) return objectFor(draw, inner.getFields(), pool, depth)
  if (isEnumType(inner)) return draw.mistake('value', 10) ? draw.one(['NOBODY', 'admin', '', 0]) : draw.one(inner.getValues()).name
  return scalarFor(draw, inner.name, name, pool)
}

function objectFor(draw: Draw, fields: Readonly<Record<string, { type: GraphQLInputType }>>, pool: Pool, depth: number): unknown {
  const entries = Object.entries(fields).flatMap(([name, { type }]): [string, unknown][] =>
    (isNonNullType(type) ? !draw.mistake('value', 5) : draw.chance(50)) ? [[name, valueFor(draw, type, name, pool, depth + 1)]] : [],
  )
  if (draw.mistake('value', 5))
    entries.push([draw.one(['__proto__', 'constructor', 'prototype', 'unknown', '', '\u0000', '$ne']), draw.one(ANYTHING)])
  // Not by assignment: __proto__ is to be a key.
  return Object.fromEntries(entries)
}

function scalarFor(draw: Draw, type: string, name: string, pool: Pool): unknown {
  if (type === 'Int')
    return draw.one(draw.mistake('value', 15) ? NO_INTS : /^(first|last)$/.test(name) && draw.chance(70) ? [1, 5, 20] : NUMBERS)
  if (type === 'Boolean') return draw.mistake('value', 5) ? draw.one(['true', 0, 1]) : draw.chance(50)
  if (type === 'DateTime') return draw.one(draw.mistake('value', 40) ? [...NO_INSTANTS, ...ODD_TEXTS] : INSTANTS)
  if (type === 'EventCursor' || /^(after|before)$/.test(name)) return draw.chance(70) ? draw.one(pool.cursors) : oddText(draw)
  if (/Ids?$|^ids?$/.test(name) && draw.chance(85)) return draw.one(draw.chance(70) ? idsFor(name, pool) : pool.ids)
  if (!IS_KEPT.test(name) && draw.chance(50)) return draw.one(pool.secrets)
  return draw.mistake('value', 70) || draw.chance(10)
    ? oddText(draw)
    : draw.one(['Ben', 'a long enough password', 'r1', '000000', 'BCDF-GHJK'])
}

const oddText = (draw: Draw) => draw.one(draw.chance(60) ? NASTY_TEXTS : ODD_TEXTS)

/** Of the type that an argument of this name means. */
const idsFor = (name: string, { ids }: Pool) => {
  const [, type = ''] = /^(group|user|session|burst|member|manager|actor)/.exec(name) ?? []
  const typeName = { group: 'Group:', session: 'Session:', burst: 'TalkBurst:' }[type] ?? (type ? 'User:' : '')
  return ids.filter((id) => Buffer.from(id, 'base64').toString().startsWith(typeName))
}

/** The same as it is written in a document. */
export function literal(draw: Draw, value: unknown, type: GraphQLInputType): string {
  const inner = getNullableType(type)
  if (Array.isArray(value)) return `[${value.map((entry) => literal(draw, entry, isListType(inner) ? inner.ofType : inner)).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const fields = isInputObjectType(inner) ? inner.getFields() : {}
    const entries = Object.entries(value).filter(([key]) => /^[A-Za-z_]\w*$/.test(key))
    return `{${entries.map(([key, entry]) => `${key}: ${literal(draw, entry, fields[key]?.type ?? inner)}`).join(', ')}}`
  }
  if (isEnumType(inner) && typeof value === 'string' && /^[A-Za-z_]\w*$/.test(value)) return value
  if (typeof value === 'string' && draw.chance(5) && !value.includes('"""')) return `"""${value.replaceAll('\\', '')}"""`
  return JSON.stringify(value)
}
