import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import type { Test } from 'tap'
import { addon } from '../../src/os/addon.js'
import type {
  DataPlaneEvent,
  DataPlaneOptions,
  ListenerEntry,
  LiveSession,
  NativeDataPlane,
  ServerCounters,
  ServerEntry,
  ServiceCounters,
  ServiceTable,
  SessionFilter,
  SessionRecord
} from '../../src/os/plane.js'

export type Mode = DataPlaneOptions['mode']

export interface Bench {
  readonly plane: NativeDataPlane
  readonly events: DataPlaneEvent[]
  counters(id?: number): ServiceCounters
  server(id: number): ServerCounters
  /** Publishes, and waits until every worker has the table. */
  put(table: ServiceTable): Promise<void>
  sessions(filter?: Partial<SessionFilter>): Promise<readonly LiveSession[]>
  /** The next record; fails if none comes. */
  record(): Promise<SessionRecord>
}

/** A data plane that ends with the test. */
export function bench(t: Test, options: Partial<DataPlaneOptions> = {}): Bench {
  const events: DataPlaneEvent[] = []
  const plane = new (addon().DataPlane)(
    { threads: 2, mode: 'hybrid', maxconn: 100_000, pipes: 288, ...options },
    (event) => {
      events.push(event)
    }
  )
  t.teardown(() => plane.stop())
  const counters = (id = 1): ServiceCounters => {
    const found = plane.counters().services.find((service) => service.id === id)
    if (!found) throw new Error(`no service ${id}`)
    return found
  }
  const server = (id: number): ServerCounters => {
    const found = counters().servers.find((one) => one.id === id)
    if (!found) throw new Error(`no server ${id}`)
    return found
  }
  const sessions = (filter: Partial<SessionFilter> = {}): Promise<readonly LiveSession[]> =>
    new Promise((resolve) => {
      plane.sessions({ service: -1, server: -1, quietMs: 0, most: 1000, ...filter }, resolve)
    })
  const record = async (): Promise<SessionRecord> => {
    let found: readonly SessionRecord[] = []
    await until('a record', () => {
      found = plane.records(1)
      return found.length > 0
    })
    if (!found[0]) throw new Error('no record')
    return found[0]
  }
  const put = async (wanted: ServiceTable): Promise<void> => {
    plane.publish(wanted)
    // What a worker is asked it answers after it has read what was published before.
    await sessions({ most: 0 })
  }
  return { plane, events, counters, server, put, sessions, record }
}

/** Service 1 on a port, before servers 1, 2, … on the ports given, each once in the rotation. */
export function table(port: number, servers: readonly number[], more: Partial<ServiceTable> = {}): ServiceTable {
  return {
    id: 1,
    listeners: [listener('127.0.0.1', port)],
    backlog: 1024,
    servers: servers.map((server, index) => entry(index + 1, server)),
    rotation: servers.map((_, index) => index),
    algorithm: 'rotation',
    draws: 2,
    ring: [],
    balanceFactor: 0,
    retries: 3,
    redispatch: true,
    abortsOnClose: false,
    maxconn: 10_000,
    rateLimit: 0,
    sourceMaxconn: 0,
    deny: [],
    allow: [],
    routes: [],
    isTransparent: false,
    connectTimeoutMs: 2_000,
    clientTimeoutMs: 0,
    serverTimeoutMs: 0,
    tunnelTimeoutMs: 0,
    clientFinTimeoutMs: 0,
    serverFinTimeoutMs: 0,
    queueTimeoutMs: 0,
    handshakeTimeoutMs: 2_000,
    sessionLog: 'off',
    logSample: 1,
    userTimeoutMs: 0,
    keepalive: { idleS: 0, intervalS: 0, count: 0 },
    ...more
  }
}

export const listener = (address: string, port: number): ListenerEntry => ({
  kind: 'tcp',
  address,
  port,
  v4v6: false,
  interface: '',
  acceptProxy: false,
  maxconn: 0
})

export function entry(id: number, port: number, more: Partial<ServerEntry> = {}): ServerEntry {
  return {
    id,
    address: '127.0.0.1',
    port,
    weight: 1,
    maxconn: 0,
    sendProxy: 0,
    source: '',
    closeSessions: '',
    ...more
  }
}

export function portOf(server: net.Server): number {
  return (server.address() as AddressInfo).port
}

/** A server on a free port; its sockets are half-open, and end with the test. */
export async function serve(t: Test, onClient: (socket: net.Socket) => void, host = '127.0.0.1'): Promise<net.Server> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    onClient(socket)
  })
  server.listen(0, host)
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return server
}

/** A server that sends its name and then echoes. */
export function serveName(t: Test, name: string): Promise<net.Server> {
  return serve(t, (socket) => {
    socket.write(name)
    socket.pipe(socket)
  })
}

/** A port on which nobody listens. Below the ephemeral range, so that no outgoing connection takes it meanwhile. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    const server = net.createServer()
    const free = new Promise<boolean>((resolve) => {
      server.on('listening', () => resolve(true))
      server.on('error', () => resolve(false))
    })
    server.listen(port, host)
    if (!(await free)) continue
    server.close()
    await once(server, 'close')
    return port
  }
}

/** A client that remembers how it ended. */
export interface Client {
  readonly socket: net.Socket
  /** 'end' for FIN, an error code for anything else. */
  readonly over: Promise<string>
  readonly text: () => string
}

export function connect(t: Test, port: number, host = '127.0.0.1', localAddress?: string): Client {
  const from = localAddress === undefined ? {} : { localAddress }
  const socket = net.connect({ port, host, allowHalfOpen: true, ...from })
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  const over = new Promise<string>((resolve) => {
    socket.on('end', () => resolve('end'))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.on('close', () => resolve('close'))
  })
  t.teardown(() => socket.destroy())
  return { socket, over, text: () => text }
}

/** Waits for what has no event to wait for. */
export async function until(what: string, isSo: () => boolean, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** A client that has been answered with the name of its server. */
export async function answered(t: Test, port: number, localAddress?: string): Promise<Client> {
  const client = connect(t, port, '127.0.0.1', localAddress)
  await once(client.socket, 'data')
  return client
}

export type Child = ChildProcessByStdio<null, Readable, null>

/** Runs a Python program until the test ends; resolves with the first line it prints. */
export async function python(t: Test, program: string): Promise<{ child: Child; line: string }> {
  const child = spawn('python3', ['-c', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  return { child, line: await nextLine(child) }
}

/** The next line that a child prints; one at a time. */
export async function nextLine(child: Child): Promise<string> {
  let text = ''
  while (!text.endsWith('\n')) {
    const [part] = (await once(child.stdout, 'data')) as [Buffer]
    text += part.toString()
  }
  return text.trim()
}

/** A port on which connections are neither accepted nor refused: its backlog is full. */
export async function blackHole(t: Test): Promise<number> {
  const { line } = await python(
    t,
    `
import socket, time
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(0)
filling = []
for _ in range(8):
    c = socket.socket(); c.setblocking(False)
    try: c.connect(s.getsockname())
    except BlockingIOError: pass
    filling.append(c)
time.sleep(0.1)
print(s.getsockname()[1], flush=True)
time.sleep(120)
`
  )
  return Number(line)
}
