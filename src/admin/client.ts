import { request } from 'node:http'
import { errnoOf, messageOf, VipdError } from '../base/errors.js'
import type { HistoryEvent } from '../base/history.js'
import type { ServerOrder } from '../proxy/orders.js'
import type {
  Done,
  FailoverVerdict,
  HandOverVerdict,
  KillVerdict,
  OrderVerdict,
  ReloadVerdict,
  ServerName,
  SessionQuery,
  SessionsVerdict,
  Status
} from './status.js'

export type OrderAnswer = Done<OrderVerdict>
export type SessionsAnswer = Done<SessionsVerdict>
export type KillAnswer = Done<KillVerdict>

const TIMEOUT_MS = 5000
/** A process that starts and does not come to anything is given up after 15 s. */
const UPGRADE_MS = 25_000
/** More than any status: a thousand servers are a few hundred kilobytes. */
const MAX_ANSWER_BYTES = 64 << 20

/** Asks the daemon behind a unix socket. Throws a VipdError that says what to do. */
export const getStatus = async (socket: string): Promise<Status> => (await ask(socket, 'GET', '/v1/status')) as Status

export const postReload = async (socket: string): Promise<ReloadVerdict> =>
  (await ask(socket, 'POST', '/v1/reload')) as ReloadVerdict

/** What a reload would do now. */
export const getReload = async (socket: string): Promise<ReloadVerdict> =>
  (await ask(socket, 'GET', '/v1/reload')) as ReloadVerdict

/** What happened after the event of this number; after 0, everything that the daemon still knows. */
export const getEvents = async (socket: string, since: number): Promise<readonly HistoryEvent[]> =>
  (await ask(socket, 'GET', `/v1/events?since=${since}`)) as readonly HistoryEvent[]

/** Asks for another state or weight of a server. */
export const postServer = async (socket: string, name: ServerName, order: ServerOrder): Promise<OrderAnswer> =>
  (await ask(socket, 'POST', '/v1/server', {
    ...name,
    ...(order.kind === 'state' ? { state: order.state } : { weight: order.weight })
  })) as OrderAnswer

/** Hands mastership over; `for_ms` 0 ends it. */
export const postFailover = async (
  socket: string,
  what: { readonly instance: string | null; readonly for_ms: number }
): Promise<Done<FailoverVerdict>> => (await ask(socket, 'POST', '/v1/failover', what)) as Done<FailoverVerdict>

/** The oldest sessions of a service or server, or of all. */
export async function getSessions(socket: string, query: SessionQuery): Promise<SessionsAnswer> {
  const words = new URLSearchParams({ limit: String(query.limit) })
  if (query.service !== null) words.set('service', query.service)
  if (query.server !== null) words.set('server', query.server)
  return (await ask(socket, 'GET', `/v1/sessions?${words}`)) as SessionsAnswer
}

/** Ends sessions. */
export const postKill = async (
  socket: string,
  what: { readonly ids: readonly string[] } | ServerName
): Promise<KillAnswer> => (await ask(socket, 'POST', '/v1/sessions/kill', what)) as KillAnswer

function ask(
  socketPath: string,
  method: string,
  path: string,
  body?: object,
  timeoutMs = TIMEOUT_MS
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path, timeout: timeoutMs, agent: false }, (incoming) => {
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
        try {
          if (incoming.statusCode !== 200)
            throw refusal(socketPath, `${method} ${path}`, incoming.statusCode ?? 0, text)
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
          `vipd does not answer on ${socketPath} within ${timeoutMs / 1000} s: it hangs or is stopped`
        )
      )
    )
    outgoing.once('error', (error) => reject(explain(socketPath, error)))
    outgoing.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** Has the daemon hand over to a fresh process. */
export const postUpgrade = async (socketPath: string): Promise<Done<HandOverVerdict>> =>
  (await ask(socketPath, 'POST', '/v1/upgrade', undefined, UPGRADE_MS)) as Done<HandOverVerdict>

/** What was asked for is not to be had, for the reason that the daemon gives; or it does not know the question at all. */
function refusal(socketPath: string, question: string, code: number, text: string): VipdError {
  const said = text.slice(0, 2000).trim()
  const reason = code === 400 || code === 409 || code === 413 ? reasonOf(said) : undefined
  if (reason !== undefined) return new VipdError('REFUSED', reason, { code })
  if (code === 404 && question !== 'GET /v1/status') {
    const why = `the vipd that runs here is another version than this command and does not know \`${question}\``
    return new VipdError('REFUSED', `${why}: systemctl restart vipd`, { code })
  }
  return new VipdError('NOT_RUNNING', `${socketPath} answers ${question} by ${code}: ${said.slice(0, 200)}`)
}

function reasonOf(text: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    const isObject = typeof parsed === 'object' && parsed !== null && 'error' in parsed
    return isObject && typeof parsed.error === 'string' ? parsed.error : undefined
  } catch {
    return undefined
  }
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
