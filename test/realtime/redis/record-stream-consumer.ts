/** A process that writes the record of a Redis into a PostgreSQL until it is killed, kills itself at `failAt`, or is ended by SIGTERM. */
import { openDatabase } from '../../../src/database/client.ts'
import { Recorder } from '../../../src/domains/history/recorder.ts'
import { newId } from '../../../src/ids.ts'
import { Keys } from '../../../src/realtime/redis/keys.ts'
import { openLinks } from '../../../src/realtime/redis/links.ts'
import { RecordStream } from '../../../src/realtime/redis/record-stream.ts'
import { silent } from '../../history/record-database.ts'

const [redis = '', postgres = '', space = '', failAt] = process.argv.slice(2)
const stack = new AsyncDisposableStack()
const { db, answers } = stack.use(openDatabase(postgres, silent))
const links = stack.use(openLinks(redis, { log: silent }))
await links.opened
const recorder = new Recorder({ db, log: silent, answers })
const onError = (error: unknown) => console.error(error)
const stream = stack.use(new RecordStream({ links, keys: new Keys(space), instance: newId(), onError, log: silent, failAt }))
stack.use(recorder)
stack.defer(stream.listen((entry) => recorder.add(entry)))
process.once('SIGTERM', () => {
  void stack.disposeAsync().then(() => process.disconnect())
})
process.send?.('listening')
