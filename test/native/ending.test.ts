import { once } from 'node:events'
import t, { type Test } from 'tap'
import {
  answered,
  type Bench,
  bench,
  connect,
  entry,
  freePort,
  listener,
  portOf,
  serveName,
  table,
  until
} from './bench.js'

/** Many sessions that end, or move, at one order: a part in each turn of a worker's loop, and each of them. */

const MANY = 1500
/** Of a part. */
const EACH_TURN = 256

const turns = (b: Bench): number => b.plane.counters().heartbeats[0] ?? 0

async function withSessions(t: Test, count: number, servers: readonly number[]): Promise<{ b: Bench; port: number }> {
  const b = bench(t, { threads: 1 })
  const port = await freePort()
  await b.put(table(port, servers))
  // A part at a time: the servers' backlog is 511.
  for (let left = count; left > 0; left -= 100)
    await Promise.all(Array.from({ length: Math.min(left, 100) }, () => answered(t, port)))
  return { b, port }
}

t.test(
  'a server that goes down: all its sessions end over several turns, before a later question is answered',
  async (t) => {
    const server = portOf(await serveName(t, 'x'))
    const { b, port } = await withSessions(t, MANY, [server])
    const before = turns(b)
    b.plane.publish(table(port, [server], { servers: [entry(1, server, { closeSessions: 'down' })], rotation: [] }))
    t.same(await b.sessions({ most: 65_536 }), [])
    t.ok(turns(b) - before >= MANY / EACH_TURN, `${turns(b) - before} turns`)
    t.match(b.server(1), { killed: MANY, current: 0 })
  }
)

t.test('a service that is withdrawn: the same, and it can be published again meanwhile', async (t) => {
  const server = portOf(await serveName(t, 'x'))
  const { b, port } = await withSessions(t, MANY, [server])
  const before = turns(b)
  b.plane.withdraw(1, true)
  b.plane.publish(table(port, [server]))
  t.same(await b.sessions({ most: 65_536 }), [])
  t.ok(turns(b) - before >= MANY / EACH_TURN, `${turns(b) - before} turns`)
  await answered(t, port)
  t.match(b.counters(), { current: 1, total: MANY + 1 })
})

t.test('sessions that are ended one by one, all at once: the same', async (t) => {
  const { b } = await withSessions(t, MANY, [portOf(await serveName(t, 'x'))])
  const all = await b.sessions({ most: 65_536 })
  const before = turns(b)
  for (const { id } of all) b.plane.kill(id, 0)
  t.same(await b.sessions({ most: 65_536 }), [])
  t.ok(turns(b) - before >= MANY / EACH_TURN, `${turns(b) - before} turns`)
})

t.test('a timeout that is made shorter ends all that it makes late', async (t) => {
  const server = portOf(await serveName(t, 'x'))
  const { b, port } = await withSessions(t, MANY, [server])
  b.plane.publish(table(port, [server], { clientTimeoutMs: 50 }))
  await until('all ended', () => b.counters().current === 0)
  t.match(b.counters().timeouts, { client: MANY })
})

t.test('sessions that wait for a server which leaves move to another one, all of them, oldest first', async (t) => {
  const b = bench(t, { threads: 1 })
  const port = await freePort()
  const [one, two] = [portOf(await serveName(t, 'one')), portOf(await serveName(t, 'two'))]
  // By address: they wait for this server and no other.
  const more = { algorithm: 'source' } as const
  await b.put(table(port, [], { ...more, servers: [entry(1, one, { maxconn: 1 })], rotation: [0] }))
  const holder = await answered(t, port)
  const waiting: ReturnType<typeof connect>[] = []
  for (let i = 0; i < 600; i++) waiting.push(connect(t, port))
  await until('queued', () => b.counters().queued === 600)
  const servers = [entry(1, one, { maxconn: 1 }), entry(2, two)]
  b.plane.publish(table(port, [], { ...more, servers, rotation: [1] }))
  await until('all served', () => waiting.every((client) => client.text() === 'two'))
  t.match(b.counters(), { queued: 0, current: 601 })
  t.equal(holder.text(), 'one')
})

t.test('a slot for each of many that wait: all are served, whatever a turn takes of them', async (t) => {
  const b = bench(t, { threads: 1 })
  const port = await freePort()
  const one = portOf(await serveName(t, 'one'))
  await b.put(table(port, [one], { servers: [entry(1, one, { maxconn: 1 })] }))
  const clients: ReturnType<typeof connect>[] = []
  for (let i = 0; i < 700; i++) clients.push(connect(t, port))
  await until('queued', () => b.counters().queued === 699)
  b.plane.publish(table(port, [one], { servers: [entry(1, one, { maxconn: 1000 })] }))
  await until('all served', () => clients.every((client) => client.text() === 'one'))
  t.match(b.counters(), { queued: 0, current: 700 })
})

t.test('an address that goes: who came to it is reset at once, on whatever listener; nobody else', async (t) => {
  const server = portOf(await serveName(t, 'x'))
  const b = bench(t, { threads: 2 })
  const port = await freePort()
  const anywhere = table(port, [server])
  await b.put({ ...anywhere, listeners: [listener('0.0.0.0', port)] })
  const staying = await answered(t, port)
  const leaving = await Promise.all(
    Array.from({ length: 300 }, async () => {
      const client = connect(t, port, '127.0.0.5')
      await once(client.socket, 'data')
      return client
    })
  )
  const count = await new Promise((resolve) => b.plane.resetAt(['127.0.0.5', '::1'], resolve))
  t.equal(count, 300)
  t.equal(b.counters().current, 1, 'they have ended when it is answered')
  t.same(new Set(await Promise.all(leaving.map(({ over }) => over))), new Set(['ECONNRESET']))
  t.notOk(staying.socket.destroyed)
  t.throws(() => b.plane.resetAt(['m1'], () => undefined))
  t.throws(() => b.plane.resetAt([], () => undefined))
})
