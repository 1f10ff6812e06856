import { once } from 'node:events'
import type net from 'node:net'
import t, { type Test } from 'tap'
import type { ServiceTable } from '../../src/os/plane.js'
import {
  answered,
  type Bench,
  bench,
  type Client,
  connect,
  entry,
  freePort,
  type Mode,
  portOf,
  serve,
  serveName,
  table,
  until
} from './bench.js'

const MODES: readonly Mode[] = ['copy', 'splice']

interface Line extends Bench {
  readonly port: number
  readonly ports: readonly number[]
  publish(more: Partial<ServiceTable>): Promise<void>
}

/** Servers a, b, … with one slot each, and a record of every session. */
async function line(t: Test, mode: Mode, names: string, more: Partial<ServiceTable> = {}): Promise<Line> {
  const b = bench(t, { mode, threads: 3 })
  const port = await freePort()
  const ports = await Promise.all([...names].map(async (name) => portOf(await serveName(t, name))))
  const servers = ports.map((one, i) => entry(i + 1, one, { maxconn: 1 }))
  const publish = (changed: Partial<ServiceTable>): Promise<void> =>
    b.put(table(port, ports, { servers, sessionLog: 'all', ...more, ...changed }))
  await publish({})
  return { ...b, port, ports, publish }
}

/** Clients that come one after the other, and wait. */
async function queue(t: Test, q: Line, count: number): Promise<Client[]> {
  const clients: Client[] = []
  for (let i = 0; i < count; i++) {
    const before = q.counters().queued
    clients.push(connect(t, q.port))
    await until('queued', () => q.counters().queued === before + 1)
  }
  return clients
}

for (const mode of MODES) {
  t.test(`${mode}: when servers are full`, async (t) => {
    t.test('clients wait, and are served first come, first served, over all threads', async (t) => {
      const q = await line(t, mode, 'a')
      let last = await answered(t, q.port)
      const waiting = await queue(t, q, 12)
      const order: number[] = []
      for (const [i, client] of waiting.entries()) client.socket.once('data', () => order.push(i))
      for (let i = 0; i < 12; i++) {
        last.socket.destroy()
        await until('next one served', () => order.length === i + 1)
        t.equal(q.server(1).current, 1)
        last = waiting[i] ?? last
      }
      t.same(
        order,
        Array.from({ length: 12 }, (_, i) => i)
      )
      t.match(q.counters(), { queued: 0, total: 13, refused: 0 })
      t.equal(q.server(1).total, 13)
    })

    t.test('who comes when a slot is freed does not overtake who waits for it', async (t) => {
      const q = await line(t, mode, 'a', { sessionLog: 'off' })
      for (let round = 0; round < 40; round++) {
        const first = await answered(t, q.port)
        const [second] = await queue(t, q, 1)
        const order: string[] = []
        first.socket.destroy()
        const third = connect(t, q.port)
        second?.socket.once('data', () => order.push('second'))
        third.socket.once('data', () => order.push('third'))
        await until('second served', () => order.length > 0)
        second?.socket.destroy()
        await until('third served', () => order.length > 1)
        t.same(order, ['second', 'third'])
        third.socket.destroy()
        await until('over', () => q.counters().current === 0)
      }
    })

    t.test('slots that are freed at once serve as many, whichever threads they wait on', async (t) => {
      const q = await line(t, mode, 'a', { sessionLog: 'off' })
      await q.publish({ servers: [entry(1, q.ports[0] ?? 0, { maxconn: 4 })] })
      for (let round = 0; round < 20; round++) {
        const first = await Promise.all(Array.from({ length: 4 }, () => answered(t, q.port)))
        const waiting = await queue(t, q, 4)
        for (const client of first) client.socket.destroy()
        await until('all served', () => waiting.every((client) => client.text() === 'a'), 5_000)
        for (const client of waiting) client.socket.destroy()
        await until('over', () => q.counters().current === 0)
      }
    })

    t.test('a record tells how long it waited, and how many were before it', async (t) => {
      const q = await line(t, mode, 'a')
      const first = await answered(t, q.port)
      const [second, third] = await queue(t, q, 2)
      await new Promise((resolve) => setTimeout(resolve, 60))
      first.socket.destroy()
      t.match(await q.record(), { queueMs: Number, queued: [0, 0], termination: /--|CD/ })
      if (second?.text() === '') await once(second.socket, 'data')
      second?.socket.destroy()
      const waited = await q.record()
      t.match(waited, { queued: [0, 0], connectMs: Number, server: 1, retries: 0 })
      t.ok(waited.queueMs >= 50, `${waited.queueMs} ms`)
      if (third?.text() === '') await once(third.socket, 'data')
      third?.socket.destroy()
      t.match(await q.record(), { queued: [0, 1] })
    })

    t.test('who waits too long is closed', async (t) => {
      const q = await line(t, mode, 'a', { queueTimeoutMs: 120 })
      await answered(t, q.port)
      const began = performance.now()
      t.equal(await connect(t, q.port).over, 'end')
      t.ok(performance.now() - began >= 115)
      t.match(q.counters(), { queued: 0, current: 1, timeouts: { queue: 1, connect: 0 } })
      const told = await q.record()
      t.match(told, { termination: 'sQ', server: -1, connectMs: -1, local: '' })
      t.ok(told.queueMs >= 115)
    })

    t.test('who leaves while it waits gives up its place', async (t) => {
      const q = await line(t, mode, 'a')
      const first = await answered(t, q.port)
      const [second, third] = await queue(t, q, 2)
      second?.socket.end()
      t.match(await q.record(), { termination: 'CQ', server: -1 })
      t.match(q.counters(), { queued: 1, aborts: { client: 1 } })
      first.socket.destroy()
      await until('the next one served', () => third?.text() === 'a')
    })

    t.test('who has said all it has to say still waits for its answer', async (t) => {
      const q = await line(t, mode, 'a')
      const first = await answered(t, q.port)
      const [second] = await queue(t, q, 1)
      second?.socket.end('x')
      await new Promise((resolve) => setTimeout(resolve, 30))
      t.equal(q.counters().queued, 1)
      first.socket.destroy()
      await until('answered', () => second?.text() === 'ax')
    })

    t.test('when no server is left all who wait are reset at once', async (t) => {
      const q = await line(t, mode, 'ab')
      await answered(t, q.port)
      await answered(t, q.port)
      const waiting = await queue(t, q, 5)
      await q.publish({ rotation: [] })
      for (const client of waiting) t.equal(await client.over, 'ECONNRESET')
      t.match(q.counters(), { queued: 0, refused: 5, current: 2 })
      t.match(await q.record(), { termination: 'SC', server: -1 })
    })

    t.test('a server that comes, or gets more slots, serves who waits', async (t) => {
      const q = await line(t, mode, 'ab', { rotation: [0] })
      await answered(t, q.port)
      const [second, third, fourth] = await queue(t, q, 3)
      await q.publish({ rotation: [0, 1] })
      await until('second one served', () => second?.text() === 'b')
      t.equal(q.counters().queued, 2)
      const servers = q.ports.map((port, i) => entry(i + 1, port, { maxconn: i === 0 ? 2 : 1 }))
      await q.publish({ rotation: [0, 1], servers })
      await until('third one served', () => third?.text() === 'a')
      await q.publish({ rotation: [0, 1], servers: q.ports.map((port, i) => entry(i + 1, port)) })
      await until('fourth one served', () => fourth?.text() !== '')
    })

    t.test('a server that refuses gives its slot to the next one', async (t) => {
      const b = bench(t, { mode, threads: 2 })
      const port = await freePort()
      const refusing = await freePort()
      const servers = [entry(1, refusing, { maxconn: 1 })]
      await b.put(table(port, [refusing], { servers, retries: 0 }))
      const all = await Promise.all(Array.from({ length: 50 }, () => connect(t, port).over))
      t.same(new Set(all), new Set(['end']))
      t.match(b.counters(), { queued: 0, current: 0, total: 50 })
      t.match(b.server(1), { connectErrors: 50, failuresInRow: 50 })
    })

    t.test('by address: a client waits for its own server, though another is free', async (t) => {
      const q = await line(t, mode, 'ab', { algorithm: 'source' })
      // 127.0.0.1 is odd: the second one.
      t.equal((await answered(t, q.port)).text(), 'b')
      const [waiting] = await queue(t, q, 1)
      t.equal((await answered(t, q.port, '127.0.0.2')).text(), 'a')
      t.equal(waiting?.text(), '')
      // Its server leaves: it goes where its address leads now.
      await q.publish({ rotation: [0] })
      t.match(q.counters(), { queued: 1, refused: 0 })
      t.equal(waiting?.text(), '')
      await q.publish({ rotation: [0, 1] })
      const servers = q.ports.map((port, i) => entry(i + 1, port, { maxconn: 2 }))
      await q.publish({ rotation: [0, 1], servers })
      await until('served', () => waiting?.text() !== '')
      t.equal(q.counters().queued, 0)
    })

    t.test('by address: who waits for a server is served when that one has a slot', async (t) => {
      const q = await line(t, mode, 'ab', { algorithm: 'source' })
      const first = await answered(t, q.port)
      const [second, third] = await queue(t, q, 2)
      first.socket.destroy()
      await until('second one served', () => second?.text() === 'b')
      second?.socket.destroy()
      await until('third one served', () => third?.text() === 'b')
      third?.socket.destroy()
      await q.record()
      await q.record()
      t.match(await q.record(), { queued: [1, 0] })
    })

    t.test('a rush is served to the last client, and never more at once than there are slots', async (t) => {
      const b = bench(t, { mode, threads: 4 })
      const port = await freePort()
      const now = [0, 0]
      const most = [0, 0]
      const onClient =
        (i: number) =>
        (socket: net.Socket): void => {
          now[i] = (now[i] ?? 0) + 1
          most[i] = Math.max(most[i] ?? 0, now[i] ?? 0)
          socket.once('data', () => {
            now[i] = (now[i] ?? 0) - 1
            socket.end('done')
          })
        }
      const ports = [portOf(await serve(t, onClient(0))), portOf(await serve(t, onClient(1)))]
      const servers = ports.map((one, i) => entry(i + 1, one, { maxconn: 3 }))
      await b.put(table(port, ports, { servers, balanceFactor: 125 }))
      const one = async (): Promise<void> => {
        const client = connect(t, port)
        client.socket.end('x')
        t.equal(await client.over, 'end')
        t.equal(client.text(), 'done')
      }
      await Promise.all(Array.from({ length: 400 }, one))
      t.ok((most[0] ?? 9) <= 3 && (most[1] ?? 9) <= 3, most.join())
      await until('over', () => b.counters().current === 0)
      t.match(b.counters(), { queued: 0, total: 400, refused: 0 })
      t.equal(b.server(1).total + b.server(2).total, 400)
    })

    t.test('a service that is withdrawn while clients wait serves them still', async (t) => {
      const q = await line(t, mode, 'a')
      const first = await answered(t, q.port)
      const [second] = await queue(t, q, 1)
      q.plane.withdraw(1, false)
      first.socket.destroy()
      await until('served', () => second?.text() === 'a')
      const [third] = await Promise.all([q.sessions()])
      t.equal(third.length, 1)
      q.plane.withdraw(1, true)
      t.equal(await second?.over, 'ECONNRESET')
    })
  })
}
