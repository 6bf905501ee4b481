import type { TypedDocumentString } from '../generated/operations.ts'
import type { Answer, Client } from './client.ts'
import { askOver, type Way } from './raw-requests.ts'

/** A known operation over any of the ways. */
export async function askVia<Result, Variables extends object>(
  way: Way,
  { url, accessToken }: Client,
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
): Promise<Answer<Result>> {
  return (await askOver(way, new URL(url).origin, { query: document.toString(), variables }, accessToken)) as Answer<Result>
}

export const codeOf = ({ errors }: Answer<unknown>): string | undefined => errors?.[0]?.extensions?.code
