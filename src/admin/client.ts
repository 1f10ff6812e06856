import { request } from 'node:http'
import { errnoOf, messageOf, VipdError } from '../base/errors.js'
import type { HistoryEvent } from '../base/history.js'
import type { ReloadVerdict, Status } from './status.js'

const TIMEOUT_MS = 5000
/** More than any status: a thousand servers are a few hundred kilobytes. */
const MAX_ANSWER_BYTES = 64 << 20

/** Asks the daemon behind a unix socket. Throws a VipdError that says what to do. */
export const getStatus = async (socket: string): Promise<Status> => (await ask(socket, 'GET', '/v1/status')) as Status

export const postReload = async (socket: string): Promise<ReloadVerdict> =>
  (await ask(socket, 'POST', '/v1/reload')) as ReloadVerdict

/** What happened after the event of this number; after 0, everything that the daemon still knows. */
export const getEvents = async (socket: string, since: number): Promise<readonly HistoryEvent[]> =>
  (await ask(socket, 'GET', `/v1/events?since=${since}`)) as readonly HistoryEvent[]

function ask(socketPath: string, method: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path, timeout: TIMEOUT_MS, agent: false }, (incoming) => {
      const chunks: Buffer[] = []
      let size = 0
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_ANSWER_BYTES) incoming.destroy(new Error('the answer is too long'))
        else chunks.push(chunk)
      })
      incoming.once('error', (error) => reject(explain(socketPath, error)))
      incoming.once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        if (incoming.statusCode !== 200) {
          const said = text.slice(0, 200).trim()
          return reject(
            new VipdError('NOT_RUNNING', `${socketPath} answers ${method} ${path} by ${incoming.statusCode}: ${said}`)
          )
        }
        try {
          resolve(JSON.parse(text))
        } catch (error) {
          reject(explain(socketPath, error))
        }
      })
    })
    outgoing.once('timeout', () =>
      outgoing.destroy(
        new VipdError(
          'TIMEOUT',
          `vipd does not answer on ${socketPath} within ${TIMEOUT_MS / 1000} s: it hangs or is stopped`
        )
      )
    )
    outgoing.once('error', (error) => reject(explain(socketPath, error)))
    outgoing.end()
  })
}

function explain(socketPath: string, error: unknown): VipdError {
  if (error instanceof VipdError) return error
  switch (errnoOf(error)) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new VipdError(
        'NOT_RUNNING',
        `vipd is not running here: nothing answers on ${socketPath} (systemctl start vipd, or --socket PATH)`
      )
    case 'EACCES':
    case 'EPERM':
      return new VipdError('SOCKET_DENIED', `no access to ${socketPath}: run as root or as a member of the group vipd`)
    default:
      return new VipdError('NOT_RUNNING', `cannot talk to vipd on ${socketPath}: ${messageOf(error)}`, {}, error)
  }
}
