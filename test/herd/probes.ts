import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Device, Place } from '../stress/people.ts'
import { outcomeOf, release } from '../stress/talk.ts'
import { type Going, keepOn } from '../stress/until.ts'
import { instant } from './herd-process.ts'

export interface Sample {
  readonly at: number
  readonly tookMs: number
  /** Of a press: its outcome, or the code of its refusal. */
  readonly outcome: string
}

/** Looks at an instance from outside while much happens: whether it answers, and whether people can press. */
export class Probes {
  readonly answers: Sample[] = []
  readonly presses: Sample[] = []
  readonly #going: readonly Going[]

  constructor(
    place: Place,
    presser: { readonly groupIds: readonly string[]; readonly devices: readonly Device[]; readonly pressEveryMs: number },
  ) {
    const { groupIds, devices, pressEveryMs } = presser
    const agent = new Agent({ keepAlive: true })
    const look = async () => {
      this.answers.push(await sampled(() => answer(`${place.url}/healthz`, agent)))
    }
    const press = async (n: number) => {
      const [device, groupId] = [devices[n % devices.length], groupIds[n % groupIds.length]]
      if (!device || !groupId) return
      const requestId = `herd-${n}`
      this.presses.push(await sampled(() => outcomeOf(device.at(place), groupId, requestId)))
      await sleep(pressEveryMs / 2)
      await release(device.at(place), groupId, requestId)
    }
    this.#going = [keepOn(look, 50), keepOn(press, pressEveryMs / 2)]
  }

  async stop(): Promise<void> {
    await Promise.all(this.#going.map((going) => going.stop()))
  }
}

async function sampled(ask: () => Promise<string>): Promise<Sample> {
  const at = instant()
  const outcome = await ask()
  return { at, tookMs: instant() - at, outcome }
}

const answer = (url: string, agent: Agent) =>
  new Promise<string>((resolve, reject) => {
    get(url, { agent }, (response) => response.resume().once('end', () => resolve(String(response.statusCode)))).once('error', reject)
  })
