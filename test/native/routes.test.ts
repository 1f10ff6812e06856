import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { ServiceTable } from '../../src/os/plane.js'
import {
  type Bench,
  bench,
  type Client,
  connect,
  entry,
  freePort,
  type Mode,
  portOf,
  serveName,
  table,
  until
} from './bench.js'
import { clientHello } from './edge-bench.js'

const MODES: readonly Mode[] = ['copy', 'splice']

interface Routed extends Bench {
  readonly port: number
  /** A client that asks for the other service, and says so many bytes. */
  ask(): Promise<{ client: Client; size: number }>
  /** Publishes the other service. */
  other(more?: Partial<ServiceTable>): Promise<void>
}

/** Service 1 accepts, service 2 has server 7 that a name leads to. Server 1 is service 1's own. */
async function routed(t: Test, mode: Mode, more: Partial<ServiceTable> = {}): Promise<Routed> {
  const b = bench(t, { mode, threads: 2 })
  const port = await freePort()
  const [own, far] = await Promise.all([serveName(t, 'own'), serveName(t, 'far')])
  const hello = await clientHello(t, 'far.example.com')
  const other = (changed: Partial<ServiceTable> = {}): Promise<void> =>
    b.put({ ...table(0, [], { servers: [entry(7, portOf(far))], rotation: [0] }), id: 2, listeners: [], ...changed })
  await other()
  const routes = [{ servername: 'far.example.com', service: 2 }]
  await b.put(table(port, [portOf(own)], { routes, sessionLog: 'all', ...more }))
  const ask = async (): Promise<{ client: Client; size: number }> => {
    const client = connect(t, port)
    client.socket.write(hello)
    return { client, size: hello.length }
  }
  return { ...b, port, ask, other }
}

for (const mode of MODES) {
  t.test(`${mode}: a session with another service's servers`, async (t) => {
    t.test('is counted by the service that accepted it, and by the server that it got', async (t) => {
      const r = await routed(t, mode)
      const { client, size } = await r.ask()
      await until('answered', () => client.text().length === 3 + size)
      t.match(r.counters(1), {
        current: 1,
        total: 1,
        bytesIn: size,
        bytesOut: 3 + size,
        servers: [{ id: 1, total: 0 }]
      })
      t.match(r.counters(2), { current: 0, total: 0, bytesIn: 0 })
      t.match(r.counters(2).servers, [{ id: 7, current: 1, total: 1, bytesIn: size, bytesOut: 3 + size }])
      t.match(await r.sessions(), [{ service: 1, backend: 2, server: 7, state: 'established' }])
      for (const service of [1, 2]) t.equal((await r.sessions({ service })).length, 1)
      t.equal((await r.sessions({ service: 2, server: 7 })).length, 1)
      t.equal((await r.sessions({ service: 1, server: 7 })).length, 0, 'a server belongs to its own service')
      client.socket.end()
      await client.over
      t.match(await r.record(), { service: 1, backend: 2, server: 7, connections: [1, 1, 1, 1], termination: '--' })
      t.match(r.counters(2).servers, [{ id: 7, current: 0, total: 1 }])
    })

    t.test('has that one’s retries and timeouts towards the server, and its own towards the client', async (t) => {
      const r = await routed(t, mode, { serverTimeoutMs: 50, clientTimeoutMs: 60_000, retries: 0 })
      await r.other({ servers: [entry(7, await freePort())], retries: 2, connectTimeoutMs: 30 })
      const refused = await r.ask()
      t.equal(await refused.client.over, 'end')
      t.match(await r.record(), { backend: 2, retries: 2, termination: 'SC' })
      t.match(r.counters(2).servers, [{ connectErrors: 3, retries: 2, failuresInRow: 3 }])
      await until('events', () => r.events.length === 3)
      t.match(r.events[0], { service: 2, server: 7 })
      await r.other({ serverTimeoutMs: 200, clientTimeoutMs: 20 })
      const began = performance.now()
      const { client } = await r.ask()
      t.match(await client.over, /end|ECONNRESET/)
      t.ok(performance.now() - began >= 195)
      t.match(await r.record(), { termination: 'sD' })
      t.match(r.counters(1).timeouts, { server: 1, client: 0 })
    })

    t.test('waits for a slot in that one’s queue, and is told of there', async (t) => {
      const r = await routed(t, mode)
      const [{ servers }] = [r.counters(2)]
      t.equal(servers.length, 1)
      const far = await serveName(t, 'few')
      await r.other({ servers: [entry(7, portOf(far), { maxconn: 1 })], queueTimeoutMs: 60_000 })
      const first = await r.ask()
      await once(first.client.socket, 'data')
      const second = await r.ask()
      await until('queued', () => r.counters(2).queued === 1)
      t.equal(r.counters(1).queued, 0)
      first.client.socket.destroy()
      await until('served', () => second.client.text().startsWith('few'))
    })

    t.test('goes on when that service is withdrawn, and nobody new comes there', async (t) => {
      const r = await routed(t, mode)
      const { client, size } = await r.ask()
      await until('answered', () => client.text().length === 3 + size)
      r.plane.withdraw(2, false)
      await r.sessions()
      client.socket.write('more')
      await until('still served', () => client.text().endsWith('more'))
      t.equal(r.counters(2).servers[0]?.current, 1, 'it is told of while it has a session')
      const next = await r.ask()
      await until('own servers', () => next.client.text().startsWith('own'))
      client.socket.destroy()
      await until('gone', () => r.plane.counters().services.every((service) => service.id !== 2))
      await r.other()
      const last = await r.ask()
      await until('back again', () => last.client.text().startsWith('far'))
      t.equal(r.counters(2).servers[0]?.total, 2)
    })

    t.test('is reset when that service is withdrawn with its sessions', async (t) => {
      const r = await routed(t, mode)
      const { client, size } = await r.ask()
      // All of it: a reset that comes together with bytes is an end for libuv.
      await until('answered', () => client.text().length === 3 + size)
      r.plane.withdraw(2, true)
      t.equal(await client.over, 'ECONNRESET')
      t.match(await r.record(), { termination: 'K-', backend: 2 })
      t.equal(r.counters(1).current, 0)
    })

    t.test('is closed when its server goes down', async (t) => {
      const r = await routed(t, mode)
      const { client } = await r.ask()
      await once(client.socket, 'data')
      await r.other({ servers: [entry(7, 9, { closeSessions: 'down' })], rotation: [] })
      t.equal(await client.over, 'end')
      t.match(await r.record(), { termination: 'D-', backend: 2, server: 7 })
      const next = await r.ask()
      t.equal(await next.client.over, 'ECONNRESET', 'a service without servers is a target all the same')
      t.match(r.counters(1), { refused: 1 })
    })
  })
}
