import { connect } from 'node:net'
import { nowMs } from './wait.js'

/**
 * Clients that connect and then say nothing: `node idlers.js HOST PORT COUNT`. Prints `open N` once all are connected,
 * and for each connection that ends a line `ended CODE AT`, with monotonic milliseconds.
 */
const [, , host = '', port = '', count = '1'] = process.argv
let open = 0
for (let i = 0; i < Number(count); i++) {
  const socket = connect({ host, port: Number(port) })
  let code = 'FIN'
  socket.on('connect', () => {
    open += 1
    if (open === Number(count)) console.log(`open ${open}`)
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code ?? error.message
  })
  socket.on('close', () => console.log(`ended ${code} ${nowMs()}`))
  socket.resume()
}
