import { createServer, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'
import type { HttpCheck } from '../../../src/config/check-schema.js'
import type { CheckResult, Probe } from '../../../src/health/checker.js'
import { CredentialStore } from '../../../src/health/credentials.js'
import { httpProbe } from '../../../src/health/http.js'
import { Pacer } from '../../../src/health/pacer.js'
import { ManualClock } from '../../fakes/manual-clock.js'

/** A server of this host that does as it is told with each connection, and what it has seen. */
export interface Scripted {
  readonly port: number
  readonly sockets: Socket[]
  /** Connections so far. */
  connections: number
  /** All that was said to it. */
  heard: string
}

export async function scripted(t: Test, serve: (socket: Socket, count: number) => unknown): Promise<Scripted> {
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      seen.heard += chunk.toString('latin1')
    })
    seen.connections++
    serve(socket, seen.connections)
  })
  const seen: Scripted = { port: await listen(t, server), sockets, connections: 0, heard: '' }
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  return seen
}

/** @returns the port that it listens on, on 127.0.0.1, until the test has ended */
export async function listen(t: Test, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Answers each request by this text; requests end by an empty line. */
export const answering =
  (answer: (request: string, count: number) => string | Buffer | undefined) =>
  (socket: Socket): void => {
    let text = ''
    let count = 0
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const said = answer(text.slice(0, end), ++count)
        text = text.slice(end + 4)
        if (said !== undefined) socket.write(said)
      }
    })
  }

/** An answer with a length. */
export const reply = (status: string, body = '', fields = ''): string =>
  `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${fields}\r\n${body}`

export const httpCheck: HttpCheck = {
  isTls: false,
  method: 'GET',
  uri: '/readyz',
  hostHeader: null,
  statuses: [[200, 200]],
  body: null,
  bodyRegex: null,
  verify: true,
  caFile: null,
  servername: null,
  crtFile: null,
  keyFile: null,
  tokenFile: null
}

export interface Asking {
  readonly clock: ManualClock
  readonly probe: Probe
  /** One check; undefined until it has answered. */
  readonly ask: (timeoutMs?: number) => Promise<CheckResult>
}

/** The probe of a server on 127.0.0.1. */
export function asking(
  t: Test,
  port: number,
  check: Partial<HttpCheck> = {},
  sendProxy = false,
  host = '127.0.0.1'
): Asking {
  const clock = new ManualClock()
  const credentials = new CredentialStore(clock, [])
  const target = { host, port, sendProxy, http: { ...httpCheck, ...check } }
  const probe = httpProbe(target, { clock, credentials, pacer: new Pacer(clock) })
  t.teardown(() => probe.close?.())
  return { clock, probe, ask: (timeoutMs = 1000) => new Promise((resolve) => probe(timeoutMs, resolve)) }
}

/** Waits for something of the real world. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let turns = 0; !isSo(); turns++) {
    if (turns > 20_000) throw new Error(`${what} did not happen`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** A port of 127.0.0.1 where nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
