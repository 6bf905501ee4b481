import { DONE } from '../dialects.ts'
import { type Load, perform } from '../load.ts'
import { Device, FloorScripts } from './floor-scripts.ts'

/** The floor under the limit: the scripts alone, called by who measures. Does each load that it is sent, with a device for each group. */
const [redisUrl = ''] = process.argv.slice(2)
const floor = new FloorScripts(redisUrl)
let acts = 0

function performer(groupId: string): () => Promise<void> {
  const device = new Device()
  let own = 0
  return async () => {
    const n = own++
    const kind = n % 2 === 0 ? 'press' : 'release'
    const answer = await floor.act(device, { kind, groupId, requestId: `r${n >> 1}` })
    if (!answer.includes(DONE[kind])) throw new Error(`the ${kind} was answered ${answer}`)
    acts += 1
  }
}

const performers = new Map<string, () => Promise<void>>()

async function run({ load, groupIds }: { load: Load; groupIds: readonly string[] }) {
  for (const groupId of groupIds) if (!performers.has(groupId)) performers.set(groupId, performer(groupId))
  const done = await perform(
    load,
    groupIds.map((groupId) => performers.get(groupId) ?? performer(groupId)),
  )
  process.send?.(done)
}

process.on('message', (asked: { load: Load; groupIds: readonly string[] }) => void run(asked))
process.once('disconnect', () => process.exit(0))
process.send?.('ready')
