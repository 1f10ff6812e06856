import t, { type Test } from 'tap'
import type { ServiceTable } from '../../src/os/plane.js'
import {
  answered,
  type Bench,
  bench,
  blackHole,
  connect,
  entry,
  freePort,
  type Mode,
  portOf,
  serveName,
  table,
  until
} from './bench.js'

const MODES: readonly Mode[] = ['copy', 'splice']

interface Farm extends Bench {
  readonly port: number
  readonly ports: readonly number[]
  /** Publishes the servers anew. */
  publish(more: Partial<ServiceTable>): Promise<void>
}

/** Servers a, b, c … behind one service. */
async function farm(t: Test, mode: Mode, names: string, more: Partial<ServiceTable> = {}): Promise<Farm> {
  const b = bench(t, { mode, threads: 2 })
  const port = await freePort()
  const ports = await Promise.all([...names].map(async (name) => portOf(await serveName(t, name))))
  const publish = (changed: Partial<ServiceTable>): Promise<void> => b.put(table(port, ports, { ...more, ...changed }))
  await publish({})
  return { ...b, port, ports, publish }
}

/** The names of the servers that so many clients get, one after the other; they stay connected. */
async function names(t: Test, port: number, count: number, from?: string): Promise<string> {
  let all = ''
  for (let i = 0; i < count; i++) all += (await answered(t, port, from)).text()
  return all
}

/** Waits until so many sessions are left. */
const left = (b: Bench, count: number): Promise<void> => until(`${count} left`, () => b.counters().current === count)

for (const mode of MODES) {
  t.test(`${mode}: balancing`, async (t) => {
    t.test('rotation: an overloaded server loses its turn until the others have caught up', async (t) => {
      const f = await farm(t, mode, 'abc', { balanceFactor: 125 })
      // Nine sessions on a, which a restart of the other two would leave.
      await f.publish({ rotation: [0] })
      t.equal(await names(t, f.port, 9), 'aaaaaaaaa')
      await f.publish({ rotation: [0, 1, 2] })
      // Its share is a third; with 9 of 17 it is less than four above it.
      t.match(await names(t, f.port, 8), /^(bc){4}$|^(cb){4}$/)
      t.match(await names(t, f.port, 3), 'a')
    })

    t.test('rotation: four sessions more than its share are not held against a server', async (t) => {
      const f = await farm(t, mode, 'abc', { balanceFactor: 125 })
      await f.publish({ rotation: [0] })
      await names(t, f.port, 4)
      await f.publish({ rotation: [0, 1, 2] })
      t.match(await names(t, f.port, 3), 'a')
    })

    t.test('rotation: a factor of 0 keeps strictly to the turn', async (t) => {
      const f = await farm(t, mode, 'ab', { rotation: [0] })
      await names(t, f.port, 9)
      await f.publish({ rotation: [0, 1] })
      t.match(await names(t, f.port, 4), /^(abab|baba)$/)
    })

    t.test('leastconn: whoever has the fewest sessions for its weight, ties in turn', async (t) => {
      const f = await farm(t, mode, 'abc', { algorithm: 'leastconn' })
      t.equal([...(await names(t, f.port, 6))].sort().join(''), 'aabbcc')
      await f.publish({ rotation: [0] })
      t.equal(await names(t, f.port, 3), 'aaa')
      await f.publish({ rotation: [0, 1, 2] })
      t.equal([...(await names(t, f.port, 6))].sort().join(''), 'bbbccc')
    })

    t.test('leastconn: weights are shares', async (t) => {
      const ports = await Promise.all(['a', 'b'].map(async (name) => portOf(await serveName(t, name))))
      const b = bench(t, { mode, threads: 2 })
      const port = await freePort()
      const servers = [entry(1, ports[0] ?? 0, { weight: 3 }), entry(2, ports[1] ?? 0, { weight: 1 })]
      await b.put(table(port, ports, { servers, algorithm: 'leastconn' }))
      await names(t, port, 40)
      t.match(b.server(1), { current: 30 })
      t.match(b.server(2), { current: 10 })
    })

    t.test('first: the first one, until it is full', async (t) => {
      const f = await farm(t, mode, 'abc')
      const servers = f.ports.map((port, i) => entry(i + 1, port, { maxconn: 2 }))
      await f.publish({ servers, algorithm: 'first' })
      const clients = []
      for (let i = 0; i < 5; i++) clients.push(await answered(t, f.port))
      t.equal(clients.map((client) => client.text()).join(''), 'aabbc')
      clients[0]?.socket.destroy()
      await left(f, 4)
      t.equal(await names(t, f.port, 1), 'a')
    })

    t.test('source: one address always gets the same server, and all servers are used', async (t) => {
      const f = await farm(t, mode, 'abc', { algorithm: 'source' })
      const all = new Set<string>()
      for (let i = 1; i <= 6; i++) {
        const from = `127.0.0.${i}`
        const first = await names(t, f.port, 1, from)
        t.equal(await names(t, f.port, 2, from), first + first)
        // haproxy's: the address as a number, modulo the servers.
        t.equal(first, 'abc'[(0x7f000000 + i) % 3])
        all.add(first)
      }
      t.equal(all.size, 3)
    })

    t.test('consistent: the nearest point on the ring, and a server that comes takes from few', async (t) => {
      const points = (count: number): number[] => {
        const ring: [number, number][] = []
        for (let server = 0; server < count; server++) {
          for (let i = 0; i < 64; i++) ring.push([Math.imul(server * 64 + i + 1, 0x9e3779b1) >>> 0, server])
        }
        return ring.sort((one, two) => one[0] - two[0]).flat()
      }
      const f = await farm(t, mode, 'abc', { algorithm: 'consistent', ring: points(3) })
      const where = async (): Promise<string> => {
        let all = ''
        for (let i = 1; i <= 40; i++) all += await names(t, f.port, 1, `127.0.0.${i}`)
        return all
      }
      const before = await where()
      t.equal(new Set(before).size, 3)
      t.equal(await where(), before)
      await f.publish({ rotation: [0, 1], ring: points(3).filter((_, i, all) => all[i - (i % 2) + 1] !== 2) })
      const after = await where()
      for (const [i, name] of [...before].entries()) if (name !== 'c') t.equal(after[i], name)
      t.notMatch(after, 'c')
    })

    t.test('random: every server is drawn, the emptier of two', async (t) => {
      const f = await farm(t, mode, 'abcd', { algorithm: 'random', draws: 2, rotation: [0] })
      await names(t, f.port, 30)
      await f.publish({ rotation: [0, 1, 2, 3] })
      const drawn = await names(t, f.port, 40)
      t.equal(new Set(drawn.replaceAll('a', '')).size, 3)
      // Only two draws of the same server get it: one in sixteen.
      t.ok(drawn.split('a').length - 1 < 15)
    })

    t.test('random: more draws than servers is leastconn', async (t) => {
      const f = await farm(t, mode, 'ab', { algorithm: 'random', draws: 99, rotation: [0] })
      await names(t, f.port, 5)
      await f.publish({ rotation: [0, 1] })
      t.equal(await names(t, f.port, 5), 'bbbbb')
    })

    for (const algorithm of ['leastconn', 'first', 'random'] as const) {
      t.test(`${algorithm}: a server that refuses is passed over at once`, async (t) => {
        const f = await farm(t, mode, 'b')
        const ports = [await freePort(), ...f.ports]
        await f.put(table(f.port, ports, { algorithm, retries: 3 }))
        const began = performance.now()
        t.equal(await names(t, f.port, 6), 'bbbbbb')
        t.ok(performance.now() - began < 1_000, 'no pause before another server is tried')
        t.match(f.server(1), { total: 0, retries: 0 })
        t.equal(f.server(1).redispatches, f.server(1).connectErrors)
      })
    }

    for (const algorithm of ['source', 'consistent'] as const) {
      t.test(`${algorithm}: only the last attempt goes to another server`, async (t) => {
        const f = await farm(t, mode, 'b')
        const ports = [await freePort(), ...f.ports]
        const options = { algorithm, retries: 3, connectTimeoutMs: 50, ring: [0, 0, 1, 0] }
        // Server 2 holds no place where the address leads to, until the last attempt looks further.
        const rotation = algorithm === 'source' ? [0, 0, 1] : [0, 1]
        await f.put(table(f.port, ports, { ...options, rotation }))
        const from = [1, 2, 3].map((i) => `127.0.0.${i}`).find((_, i) => (0x7f000001 + i) % 3 === 0)
        const began = performance.now()
        t.equal(await names(t, f.port, 1, from), 'b')
        t.ok(performance.now() - began >= 95, 'two pauses before the same server was tried again')
        t.match(f.server(1), { connectErrors: 3, retries: 2, redispatches: 1 })
      })
    }

    t.test('a server that left is used again when it is the only one', async (t) => {
      const f = await farm(t, mode, 'a')
      const late = await blackHole(t)
      await f.put(table(f.port, [late], { retries: 1, connectTimeoutMs: 60 }))
      t.equal(await connect(t, f.port).over, 'end')
      t.match(f.server(1), { connectErrors: 2, retries: 1, redispatches: 0 })
    })
  })
}
