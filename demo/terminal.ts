import { stdin, stdout } from 'node:process'

const CTRL_C = '\u0003'
const CTRL_D = '\u0004'
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const CLEAR_LINE = '\r\u001b[2K'
/** What is longer than the terminal is wide is cut off there: a line that is redrawn must stay one line. */
const oneLine = (text: string) => `\u001b[?7l${text}\u001b[?7h`

/** A log above one line that is redrawn. Into a pipe each line is written below the last one. */
export class Terminal implements Disposable {
  readonly #left = Promise.withResolvers<'AT_ONCE' | 'NO_MORE_KEYS'>()
  readonly #leave = () => this.#left.resolve('AT_ONCE')
  readonly #end = () => this.#left.resolve('NO_MORE_KEYS')
  #hear = (_key: string) => {}
  #status = ''

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#leave)
    // A terminal that is not raw keeps all keys until Enter.
    if (stdin.isTTY) stdin.setRawMode(true)
    stdin.setEncoding('utf8').on('data', this.#read).on('end', this.#end)
  }

  /** Resolves with Ctrl-C or a signal, and where the keys come from a pipe with its end. */
  get left(): Promise<'AT_ONCE' | 'NO_MORE_KEYS'> {
    return this.#left.promise
  }

  onKey(hear: (key: string) => void): void {
    this.#hear = hear
  }

  log(line: string): void {
    stdout.write(stdout.isTTY ? `${CLEAR_LINE}${line}\n${oneLine(this.#status)}` : `${line}\n`)
  }

  show(status: string): void {
    if (status === this.#status) return
    this.#status = status
    stdout.write(stdout.isTTY ? `${CLEAR_LINE}${oneLine(status)}` : `${status}\n`)
  }

  /** From here on a signal ends the process at once, whatever it is still about to say to the server. */
  [Symbol.dispose]() {
    for (const signal of SIGNALS) process.off(signal, this.#leave)
    stdin.off('data', this.#read).off('end', this.#end)
    if (stdin.isTTY) stdin.setRawMode(false)
    stdin.destroy()
    if (stdout.isTTY) stdout.write(CLEAR_LINE)
  }

  readonly #read = (keys: Buffer | string) => {
    for (const key of keys.toString()) {
      if (key === CTRL_C || key === CTRL_D) this.#leave()
      else this.#hear(key)
    }
  }
}
