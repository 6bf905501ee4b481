import { WebSocketServer } from 'ws'

/**
 * The limit: what a press costs with no GraphQL, no rights and no floor control. One holder variable; a press is answered with a JSON
 * object, and everybody else is sent one string of the size of NEDA's event.
 */
const EVENT_BYTES = Number(process.argv[2] ?? 700)

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false }, () => {
  console.log(`ready at ${(server.address() as { port: number }).port}`)
})
let holder: string | null = null

server.on('connection', (socket) => {
  socket.on('message', (data: Buffer) => {
    const { id, type } = JSON.parse(data.toString()) as { id: string; type: 'press' | 'release' | 'subscribe' }
    if (type === 'subscribe') return socket.send(JSON.stringify({ id, type: 'snapshot', holder }))
    holder = type === 'press' ? id : null
    socket.send(JSON.stringify({ id, type: 'answer', outcome: 'GRANTED', holder }))
    const event = JSON.stringify({ type: 'event', holder, filling: 'x'.repeat(EVENT_BYTES) })
    for (const other of server.clients) if (other !== socket) other.send(event)
  })
})
