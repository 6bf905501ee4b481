// An app imports the same from the package @neda/sdk; here it is the source of that, so that nothing has to be built first.
import { GroupsDocument, NedaClient, NedaError, PresenceDocument, type TalkSession } from '../sdk/src/index.ts'
import type { Terminal } from './terminal.ts'
import { sentenceFor, statusOf } from './words.ts'

export const TRANSPORTS = ['auto', 'websocket', 'sse', 'multipart'] as const

export interface Options {
  readonly url: string
  readonly group: string
  readonly transport: (typeof TRANSPORTS)[number]
  readonly username: string
  readonly password: string
}

/** Somebody's radio in one group, until they leave. */
export async function walkieTalkie(options: Options, openTerminal: () => Terminal): Promise<void> {
  const { url, transport, username, password, group } = options
  const neda = new NedaClient({ url, transport })
  try {
    const { userId } = await neda.signIn({ username, password, deviceName: 'walkie-talkie' })
    const groupId = await groupNamed(neda, options)
    const radio = neda.talk(groupId)
    await radio.ready()
    using terminal = openTerminal()
    terminal.log('space: talk, and let go | q: wait for your turn | Ctrl-C: leave')
    const { promise: ended, reject } = Promise.withResolvers<never>()
    const others = new Map<string, string>()
    const show = () => terminal.show(statusOf(radio.state, group, ['you', ...others.values()]))
    radio.subscribe((state, cue) => {
      if (cue) terminal.log(sentenceFor(cue, state))
      if (state.error) reject(state.error)
      else show()
    })
    const unwatch = neda.observe(
      PresenceDocument,
      { groupId },
      {
        next: ({ presence: { everyone, member, kind } }) => {
          if (everyone) others.clear()
          for (const { user, devices } of everyone ?? (member ? [member] : [])) {
            if (user.id === userId) continue
            if (kind === 'JOINED' || kind === 'LEFT') terminal.log(`${user.displayName} ${kind === 'JOINED' ? 'is here' : 'has left'}`)
            if (devices > 0) others.set(user.id, user.displayName)
            else others.delete(user.id)
          }
          show()
        },
        ended: reject,
      },
    )
    show()
    await Promise.race([played(radio, terminal), ended])
    unwatch()
    await radio.close()
    // Nobody keeps its tokens.
    await neda.signOut()
  } catch (error) {
    throw explained(error, options)
  } finally {
    await neda.close()
  }
}

/** A terminal hears when a key goes down and not when it comes up: each space is the other half of a press. */
async function played(radio: TalkSession, terminal: Terminal): Promise<void> {
  let decided: Promise<unknown> = Promise.resolve()
  const press = (queue: boolean) => {
    // Whatever becomes of it is told as a cue, or as the end of the radio.
    decided = radio.press({ queue }).catch(() => undefined)
  }
  terminal.onKey((key) => {
    const isUp = radio.state.talk.phase === 'IDLE'
    if (isUp && (key === ' ' || key === 'q')) press(key === 'q')
    else if (key === ' ') radio.release()
  })
  // The last key of a pipe is pressed too.
  if ((await terminal.left) === 'NO_MORE_KEYS') await decided
}

async function groupNamed(neda: NedaClient, { group, username }: Options): Promise<string> {
  const { groups } = await neda.execute(GroupsDocument, { first: 100 })
  const nodes = groups.edges.map(({ node }) => node)
  const found = nodes.find(({ name }) => name === group)
  if (found) return found.id
  throw new Error(`${username} is in no group "${group}", but in: ${nodes.map(({ name }) => name).join(', ') || 'none'}.`)
}

function explained(error: unknown, { url, username, group }: Options): unknown {
  if (!(error instanceof NedaError)) return error
  switch (error.code) {
    case 'NETWORK':
      return new Error(`No NEDA answers at ${url}: start one with npm start, or say where it is with --url.`)
    case 'INVALID_CREDENTIALS':
      return new Error(`${username} cannot sign in with this password: npm start says who can, and NEDA_PASSWORD takes another one.`)
    case 'FORBIDDEN':
    case 'NOT_FOUND':
    case 'ACCESS_REVOKED':
      return new Error(`${username} is no member of "${group}".`)
    default:
      return error
  }
}
