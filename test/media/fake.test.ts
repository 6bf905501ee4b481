import { mediaContract } from './contract.ts'
import { openFakeWorld } from './fake-world.ts'

mediaContract('the fake', openFakeWorld(), { atOnce: true })
