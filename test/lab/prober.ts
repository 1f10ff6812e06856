import { get } from 'node:https'
import { nowMs } from './wait.js'

/**
 * A client that keeps asking, each time on a new connection: `node prober.js HOST PORT EVERY_MS TIMEOUT_MS`.
 * One JSON line for each request when it has ended, with monotonic times in milliseconds.
 */
const [, , host = '', port = '', every = '20', timeout = '1000'] = process.argv
const mostAtOnce = 200
let open = 0

function ask(): void {
  if (open >= mostAtOnce) return
  open += 1
  const from = nowMs()
  let ended = false
  const end = (outcome: { server: string; accepted: number } | { error: string }): void => {
    if (ended) return
    ended = true
    open -= 1
    console.log(JSON.stringify({ from, at: nowMs(), ...outcome }))
  }
  const request = get({ host, port: Number(port), agent: false, rejectUnauthorized: false }, (response) => {
    let body = ''
    response.setEncoding('utf8')
    response.on('data', (text: string) => {
      body += text
    })
    response.on('end', () => end({ server: body, accepted: Number(response.headers['x-accepted']) }))
    response.on('error', failed)
  })
  const timer = setTimeout(
    () => request.destroy(Object.assign(new Error('no answer'), { code: 'TIMEOUT' })),
    Number(timeout)
  )
  const failed = (error: NodeJS.ErrnoException): void => end({ error: error.code ?? error.message })
  request.on('error', failed)
  request.on('close', () => clearTimeout(timer))
}

console.log('"started"')
ask()
setInterval(ask, Number(every))
