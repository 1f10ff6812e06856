import { chmod, mkdir, unlink } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createConnection, type ListenOptions } from 'node:net'
import { dirname } from 'node:path'
import { errnoOf, messageOf, VipdError } from '../base/errors.js'
import { METRICS_TYPE, metricsText } from './metrics.js'
import { type Control, isHealthy } from './status.js'

/** What is answered: JSON, or with a `type` the body as it is. */
interface Answer {
  readonly code: number
  readonly body: unknown
  readonly type?: string
}

/** What may be asked, by method and path. Over TCP only what is read-only. */
type Route = (control: Control, query: URLSearchParams) => Promise<Answer>

const READ: Readonly<Record<string, Route>> = {
  'GET /v1/status': async (control) => ({ code: 200, body: await control.status() }),
  'GET /status.json': async (control) => ({ code: 200, body: await control.status() }),
  'GET /healthz': async (control) => {
    const healthy = isHealthy(await control.status())
    return { code: healthy ? 200 : 503, body: { healthy } }
  },
  'GET /metrics': async (control) => ({
    code: 200,
    body: await metricsText(await control.status()),
    type: METRICS_TYPE
  })
}
/** On the unix socket alone. */
const LOCAL: Readonly<Record<string, Route>> = {
  'GET /v1/events': async (control, query) => {
    const since = query.get('since') ?? '0'
    if (!/^\d{1,15}$/.test(since)) return { code: 400, body: { error: 'since must be the number of an event' } }
    return { code: 200, body: control.events(Number(since)) }
  },
  'POST /v1/reload': async (control) => ({ code: 200, body: await control.reload() })
}

const MAX_CONNECTIONS = 64
const SOCKET_TIMEOUT_MS = 10_000
const SOCKET_MODE = 0o660

/** The operator's door: HTTP and JSON on a unix socket and, where asked for, read-only on TCP. */
export class AdminServer {
  readonly #control: Control
  readonly #onError: (error: unknown) => void
  readonly #servers: Server[] = []

  constructor(control: Control, onError: (error: unknown) => void) {
    this.#control = control
    this.#onError = onError
  }

  /** Opens the unix socket. A socket that a dead daemon left is taken over; a living one is respected. */
  async listenUnix(path: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 })
    if (await isAnswering(path)) {
      throw new VipdError('ALREADY_RUNNING', `another vipd is running: it answers on ${path}`, { path })
    }
    await unlink(path).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT')
        throw new VipdError('SOCKET_DENIED', `cannot replace ${path}: ${messageOf(error)}`, { path }, error)
    })
    try {
      await this.#listen({ path }, { ...READ, ...LOCAL })
      await chmod(path, SOCKET_MODE)
    } catch (error) {
      throw new VipdError('SOCKET_DENIED', `cannot open the admin socket ${path}: ${messageOf(error)}`, { path }, error)
    }
  }

  async listenTcp(host: string, port: number): Promise<void> {
    try {
      await this.#listen({ host, port }, READ)
    } catch (error) {
      throw new VipdError(
        'LISTEN_FAILED',
        `cannot open the admin listener ${host}:${port}: ${messageOf(error)}`,
        { host, port },
        error
      )
    }
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#servers.map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve())
            server.closeAllConnections()
          })
      )
    )
  }

  async #listen(where: ListenOptions, routes: Readonly<Record<string, Route>>): Promise<void> {
    const server = createServer(
      { requestTimeout: 5000, headersTimeout: 5000, keepAliveTimeout: 1000 },
      (request, response) => {
        this.#answer(routes, request, response).catch(this.#onError)
      }
    )
    server.maxConnections = MAX_CONNECTIONS
    // A reader that hangs does not keep its place for ever.
    server.setTimeout(SOCKET_TIMEOUT_MS)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(where, () => {
        server.off('error', reject)
        server.on('error', this.#onError)
        resolve()
      })
    })
    this.#servers.push(server)
  }

  async #answer(
    routes: Readonly<Record<string, Route>>,
    request: IncomingMessage,
    response: ServerResponse
  ): Promise<void> {
    request.resume()
    const [path, query] = request.url?.split('?', 2) ?? []
    const route = routes[`${request.method} ${path}`]
    const { code, body, type }: Answer =
      route === undefined
        ? { code: 404, body: { error: 'not found' } }
        : await route(this.#control, new URLSearchParams(query)).catch((error: unknown) => {
            this.#onError(error)
            return { code: 500, body: { error: messageOf(error) } }
          })
    response.writeHead(code, { 'content-type': type ?? 'application/json', 'cache-control': 'no-store' })
    response.end(type === undefined ? `${JSON.stringify(body)}\n` : body)
  }
}

/** Whether somebody accepts connections there. */
export function isAnswering(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
