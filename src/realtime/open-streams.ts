import type { RefusalCode } from '../errors.ts'
import type { GroupId, SessionId, UserId } from '../ids.ts'

/** Whose stream it is and what it tells of. */
interface OpenStream {
  readonly userId: UserId
  readonly sessionId: SessionId
  readonly groupId: GroupId
  /** Admins watch groups that they are not in: losing a membership does not end their streams. */
  readonly asAdmin: boolean
  readonly end: (code: RefusalCode) => void
}

/** Every open stream of this process, so that who loses the right to one loses it at once. */
export class OpenStreams {
  readonly #open = new Set<OpenStream>()

  add(stream: OpenStream): () => void {
    this.#open.add(stream)
    return () => this.#open.delete(stream)
  }

  end(which: (stream: OpenStream) => boolean, code: RefusalCode): void {
    for (const stream of this.#open) if (which(stream)) stream.end(code)
  }

  get size(): number {
    return this.#open.size
  }
}
