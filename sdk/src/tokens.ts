/** What keeps a device signed in. */
export interface Tokens {
  readonly accessToken: string
  /** ISO 8601, by the server's clock. */
  readonly accessTokenExpiresAt: string
  readonly refreshToken: string
  readonly userId: string
  readonly sessionId: string
}

/** Where an app keeps the tokens between two starts. They are secrets: a keychain, not a log. */
export interface TokenStore {
  load(): Promise<Tokens | null> | Tokens | null
  /** Null: signed out. */
  save(tokens: Tokens | null): Promise<void> | void
}

/** Forgets when the app ends. */
export function memoryTokenStore(tokens: Tokens | null = null): TokenStore {
  let kept = tokens
  return {
    load: () => kept,
    save: (tokens) => {
      kept = tokens
    },
  }
}

/** As `login`, `refreshSession` and `completeDevicePairing` answer them. */
export interface TokensAnswer {
  readonly accessToken: string | null
  readonly accessTokenExpiresAt: string | null
  readonly refreshToken: string | null
  readonly session: { readonly id: string } | null
  readonly user: { readonly id: string } | null
}

/** Null when there are none in it. */
export function tokensOf(answer: TokensAnswer | null): Tokens | null {
  if (!answer?.accessToken || !answer.accessTokenExpiresAt || !answer.refreshToken || !answer.session || !answer.user) return null
  const { accessToken, accessTokenExpiresAt, refreshToken, session, user } = answer
  return { accessToken, accessTokenExpiresAt, refreshToken, sessionId: session.id, userId: user.id }
}
