import { connect, createServer } from 'node:net'
import { nowMs } from '../../test/lab/wait.js'

/**
 * Both ends of the smallest request there is: `asker.js serve NAME ADDRESS PORT` answers every connection with its
 * name; `asker.js ask HOST PORT EVERY_MS TIMEOUT_MS` asks again and again, each time on a new connection, and prints a
 * line of JSON for each answer as `test/lab/client.ts` reads it.
 */
const [, , role, ...args] = process.argv
if (role === 'serve') serve()
else ask()

function serve(): void {
  const [name = '', address = '', port = ''] = args
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.end(name)
  })
  server.listen(Number(port), address, () => console.log('listening'))
}

function ask(): void {
  const [host = '', port = '', every = '5', timeout = '1000'] = args
  const mostAtOnce = 400
  let open = 0
  const once = (): void => {
    if (open >= mostAtOnce) return
    open += 1
    const from = nowMs()
    let said = ''
    let failure: string | undefined
    const socket = connect({ host, port: Number(port) })
    const timer = setTimeout(
      () => socket.destroy(Object.assign(new Error('no answer'), { code: 'TIMEOUT' })),
      Number(timeout)
    )
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      said += text
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      failure = error.code ?? error.message
    })
    socket.on('close', () => {
      clearTimeout(timer)
      open -= 1
      const outcome = said !== '' ? { server: said } : { error: failure ?? 'closed without an answer' }
      console.log(JSON.stringify({ from, at: nowMs(), ...outcome }))
    })
  }
  console.log('"started"')
  setInterval(once, Number(every))
}
