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

/** A socket of a signed-in device. */
interface OpenSocket {
  readonly sessionId: SessionId
  readonly userId: UserId
  readonly close: () => void
}

/** Every open stream and socket of this process, so that who loses the right to one loses it at once. */
export class OpenStreams {
  readonly #streams = new Set<OpenStream>()
  readonly #sockets = new Set<OpenSocket>()

  add(stream: OpenStream): () => void {
    this.#streams.add(stream)
    return () => this.#streams.delete(stream)
  }

  addSocket(socket: OpenSocket): () => void {
    this.#sockets.add(socket)
    return () => this.#sockets.delete(socket)
  }

  end(which: (stream: OpenStream) => boolean, code: RefusalCode): void {
    for (const stream of this.#streams) if (which(stream)) stream.end(code)
  }

  /** Ends what these sessions watch, each stream with its reason, and then their sockets. */
  endSessions(which: (session: Pick<OpenSocket, 'userId' | 'sessionId'>) => boolean): void {
    this.end(which, 'SESSION_REVOKED')
    for (const socket of this.#sockets) if (which(socket)) socket.close()
  }
}
