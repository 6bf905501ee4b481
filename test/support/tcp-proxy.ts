import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Chooses connections by what the client has said over them first. */
export type Which = (firstWords: string) => boolean

/**
 * Stands between a client and a server, and fails as networks do. A fault lasts until `mend`, for the connections that there are and for new
 * ones; with `which`, for the chosen ones alone. There is one fault at a time.
 */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** Breaks every connection, and takes no more. */
  cut(which?: Which): void
  /** Connections stay open and new ones are taken, but nothing passes; what is sent meanwhile arrives at the mending, as TCP sends it again. */
  hold(which?: Which): void
  /** The same, but what is sent meanwhile is lost: connections that lost something break at the mending. */
  blackhole(which?: Which): void
  /** Requests pass, answers are lost: connections that lost something break at the mending. */
  dropReplies(which?: Which): void
  /** Takes nothing from the server any more, so that what it sends piles up there. */
  stall(which?: Which): void
  /** Everything arrives so much later, until `mend`. */
  delay(ms: { readonly up?: number; readonly down?: number }): void
  /** Breaks the connections that there are; new ones are welcome. */
  reset(which?: Which): void
  mend(): void
  /** Connects whoever comes from now on to another port: the server is another one. */
  turnTo(target: number): void
  /** Whether something was lost that the mending will break a connection for. */
  readonly hasLost: boolean
}

type Fault = 'CUT' | 'HOLD' | 'BLACKHOLE' | 'DROP_REPLIES' | 'STALL'
type Direction = 'up' | 'down'

const FIRST_WORDS = 4_096
const all: Which = () => true

/** What the lines of a proxy suffer now. */
class Weather {
  fault: Fault | null = null
  which: Which = all
  late: Readonly<Record<Direction, number>> = { up: 0, down: 0 }
}

/** Bytes on their way to one end: in order, whatever the delay was when each of them set out. */
class Way {
  readonly #to: Socket
  readonly #late: { readonly chunk: Buffer; readonly dueAt: number }[] = []
  readonly #held: Buffer[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(to: Socket) {
    this.#to = to
  }

  send(chunk: Buffer, lateMs: number): void {
    if (this.#late.length === 0 && lateMs === 0) return this.#write(chunk)
    this.#late.push({ chunk, dueAt: performance.now() + lateMs })
    this.#timer ??= setTimeout(() => this.#sendDue(), lateMs)
  }

  hold(chunk: Buffer): void {
    this.#held.push(chunk)
  }

  letGo(): void {
    for (const chunk of this.#held.splice(0)) this.send(chunk, 0)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#late.length = 0
  }

  #sendDue() {
    this.#timer = undefined
    const [first] = this.#late
    if (!first) return
    const now = performance.now()
    if (first.dueAt > now) {
      this.#timer = setTimeout(() => this.#sendDue(), first.dueAt - now)
      return
    }
    this.#late.shift()
    this.#write(first.chunk)
    this.#sendDue()
  }

  #write(chunk: Buffer) {
    if (this.#to.writable) this.#to.write(chunk)
  }
}

/** One connection of a client, and its way on to the server. */
class Line {
  readonly #client: Socket
  readonly #server: Socket
  readonly #weather: Weather
  readonly #ways: Readonly<Record<Direction, Way>>
  #firstWords = ''
  #hasLost = false
  /** One end has gone, and the other could not hear of it. */
  #halfOpen = false

  constructor(client: Socket, server: Socket, weather: Weather, onClose: () => void) {
    this.#client = client
    this.#server = server
    this.#weather = weather
    this.#ways = { up: new Way(server), down: new Way(client) }
    for (const [direction, from, to] of [
      ['up', client, server],
      ['down', server, client],
    ] as const) {
      from.setNoDelay(true)
      from.on('data', (chunk: Buffer) => this.#hear(direction, chunk))
      from.on('error', () => from.destroy())
      from.on('close', () => {
        if (this.#isSilent) this.#halfOpen = true
        else to.end()
        if (to.destroyed) onClose()
      })
    }
  }

  get hasLost(): boolean {
    return this.#hasLost
  }

  suffer(fault: Fault): void {
    if (!this.#isChosen) return
    if (fault === 'CUT') this.reset()
    if (fault === 'STALL') this.#server.pause()
  }

  mend(): void {
    if (this.#hasLost || this.#halfOpen) return this.reset()
    for (const way of Object.values(this.#ways)) way.letGo()
    this.#server.resume()
  }

  reset(which: Which = all): void {
    if (!which(this.#firstWords)) return
    // Node loses the handle of a socket that is reset while it is being shut down, and the process then never ends.
    this.#end((socket) => (socket.readyState === 'open' ? socket.resetAndDestroy() : socket.destroy()))
  }

  close(): void {
    this.#end((socket) => socket.destroy())
  }

  #end(how: (socket: Socket) => void) {
    for (const way of Object.values(this.#ways)) way.close()
    for (const socket of [this.#client, this.#server]) how(socket)
  }

  get #isChosen() {
    return this.#weather.which(this.#firstWords)
  }

  get #isSilent() {
    const { fault } = this.#weather
    return (fault === 'HOLD' || fault === 'BLACKHOLE') && this.#isChosen
  }

  #hear(direction: Direction, chunk: Buffer) {
    const { fault, late } = this.#weather
    const way = this.#ways[direction]
    if (direction === 'up' && this.#firstWords.length < FIRST_WORDS) this.#firstWords += chunk.toString('latin1')
    // A new connection is chosen by what it says only now.
    if (fault !== null) this.suffer(fault)
    if (fault === null || !this.#isChosen) way.send(chunk, late[direction])
    else if (fault === 'HOLD') way.hold(chunk)
    else if (fault === 'BLACKHOLE' || (fault === 'DROP_REPLIES' && direction === 'down')) this.#hasLost = true
    else if (fault !== 'CUT') way.send(chunk, late[direction])
  }
}

export async function tcpProxy(firstTarget: number): Promise<TcpProxy> {
  let target = firstTarget
  const weather = new Weather()
  const lines = new Set<Line>()
  const server = createServer((client) => {
    if (weather.fault === 'CUT' && weather.which === all) {
      client.destroy()
      return
    }
    const line: Line = new Line(client, connect(target, '127.0.0.1'), weather, () => lines.delete(line))
    lines.add(line)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const begin = (fault: Fault) => {
    return (which: Which = all) => {
      Object.assign(weather, { fault, which })
      for (const line of lines) line.suffer(fault)
    }
  }
  const reset = (which: Which = all) => {
    for (const line of lines) line.reset(which)
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut: begin('CUT'),
    hold: begin('HOLD'),
    blackhole: begin('BLACKHOLE'),
    dropReplies: begin('DROP_REPLIES'),
    stall: begin('STALL'),
    delay: ({ up = 0, down = 0 }) => {
      weather.late = { up, down }
    },
    reset,
    turnTo: (next) => {
      target = next
    },
    get hasLost() {
      return [...lines].some((line) => line.hasLost)
    },
    mend: () => {
      Object.assign(weather, new Weather())
      for (const line of lines) line.mend()
    },
    [Symbol.asyncDispose]: async () => {
      for (const line of lines) line.close()
      server.close()
      await once(server, 'close')
    },
  }
}
