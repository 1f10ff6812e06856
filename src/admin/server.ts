import { chmod, mkdir, unlink } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { ListenOptions } from 'node:net'
import { dirname } from 'node:path'
import { type Clock, systemClock } from '../base/clock.js'
import { errnoOf, messageOf, VipdError } from '../base/errors.js'
import type { HostPort } from '../base/ip.js'
import { isAnswering } from './answering.js'
import { MAX_BODY_BYTES, readBody } from './body.js'
import { Live } from './live.js'
import { PAGE_HEADERS, pageFile } from './page.js'
import { type Answer, LOCAL, READ, type Route, type Routes } from './routes.js'
import type { Control } from './status.js'

const MAX_CONNECTIONS = 64
const SOCKET_TIMEOUT_MS = 10_000
const SOCKET_MODE = 0o660

/** The operator's door: HTTP and JSON on a unix socket and, where asked for, read-only on TCP. */
export class AdminServer {
  readonly #control: Control
  readonly #onError: (error: unknown) => void
  readonly #servers: Server[] = []
  readonly #live: Live

  /** @param clock by which open pages are told */
  constructor(control: Control, onError: (error: unknown) => void, clock: Pick<Clock, 'every'> = systemClock) {
    this.#control = control
    this.#onError = onError
    this.#live = new Live(control, onError, clock)
  }

  /** Opens both doors, or the one that there is. */
  async listen({ socket, listen }: { readonly socket: string; readonly listen?: HostPort | undefined }): Promise<void> {
    await this.listenUnix(socket)
    if (listen !== undefined) await this.listenTcp(listen.host, listen.port)
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

  /** Nobody new comes in; who is here is still answered. What it listened on is free when it resolves, or soon after. */
  leave(): void {
    for (const server of this.#servers) server.close()
    this.#live.close()
  }

  async #listen(where: ListenOptions, routes: Routes): Promise<void> {
    const server = createServer(
      // Node looks at requests each half minute unless told otherwise.
      { requestTimeout: 5000, headersTimeout: 5000, keepAliveTimeout: 1000, connectionsCheckingInterval: 1000 },
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

  async #answer(routes: Routes, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path, query] = request.url?.split('?', 2) ?? []
    if (request.method === 'GET' && (await this.#answerPage(path ?? '', query, response))) return
    const route = routes[`${request.method} ${path}`]
    const body = await readBody(request)
    const { code, body: said, type } = await this.#ask(route, new URLSearchParams(query), body)
    response.writeHead(code, {
      'content-type': type ?? 'application/json',
      'cache-control': 'no-store',
      // What it still sends is not read.
      ...(body === undefined ? { connection: 'close' } : {})
    })
    response.end(type === undefined ? `${JSON.stringify(said)}\n` : said)
    if (body === undefined) response.once('finish', () => request.destroy())
  }

  /** The status page. @returns false: it is something else */
  async #answerPage(path: string, query: string | undefined, response: ServerResponse): Promise<boolean> {
    if (path === '/live') {
      const since = Number(new URLSearchParams(query).get('since') ?? 0)
      if (!this.#live.add(response, Number.isSafeInteger(since) ? since : 0))
        response.writeHead(503, { 'content-type': 'text/plain', 'retry-after': '10' }).end('too many pages are open\n')
      return true
    }
    const file = await pageFile(path)
    if (file === undefined) return false
    response.writeHead(200, { ...PAGE_HEADERS, 'content-type': file.type, 'cache-control': 'no-cache' }).end(file.text)
    return true
  }

  async #ask(route: Route | undefined, query: URLSearchParams, body: string | undefined): Promise<Answer> {
    if (route === undefined) return { code: 404, body: { error: 'not found' } }
    if (body === undefined) return { code: 413, body: { error: `a request has at most ${MAX_BODY_BYTES} bytes` } }
    try {
      return await route(this.#control, query, body)
    } catch (error) {
      this.#onError(error)
      return { code: 500, body: { error: messageOf(error) } }
    }
  }
}
