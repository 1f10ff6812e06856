import { once } from 'node:events'
import net from 'node:net'
import t from 'tap'
import type { SessionRecord } from '../../src/os/plane.js'
import {
  answered,
  bench,
  blackHole,
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

for (const mode of MODES) {
  t.test(`${mode}: the record of a session`, async (t) => {
    t.test('tells who, where, how long and how much', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      let local = ''
      const server = await serve(t, (socket) => {
        local = `${socket.remoteAddress}:${socket.remotePort}`
        socket.write('hello')
        socket.on('end', () => socket.end())
        socket.resume()
      })
      await b.put(table(port, [portOf(server)], { sessionLog: 'all' }))
      const before = Date.now()
      const client = await answered(t, port)
      const { localPort } = client.socket
      await new Promise((resolve) => setTimeout(resolve, 50))
      client.socket.end('question')
      t.equal(await client.over, 'end')
      const told = await b.record()
      t.match(told, {
        service: 1,
        backend: 1,
        server: 1,
        client: `127.0.0.1:${localPort}`,
        listener: `127.0.0.1:${port}`,
        local,
        bytesIn: 8,
        bytesOut: 5,
        queueMs: 0,
        termination: '--',
        retries: 0,
        isRedispatched: false,
        connections: [1, 1, 1, 1],
        queued: [0, 0]
      } satisfies Partial<SessionRecord>)
      t.ok(told.totalMs >= 45 && told.connectMs >= 0 && told.connectMs <= told.totalMs)
      t.ok(told.acceptedAtMs >= before - 5 && told.acceptedAtMs <= Date.now())
      t.ok(told.id > 0)
      t.same(b.plane.records(10), [], 'it is told once')
    })

    t.test('knows IPv6 addresses', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort('::1')
      const server = await serve(t, (socket) => socket.end('x'), '::1')
      const listeners = [
        { kind: 'tcp', address: '::1', port, v4v6: false, interface: '', acceptProxy: false, maxconn: 0 } as const
      ]
      const servers = [entry(1, portOf(server), { address: '::1' })]
      await b.put(table(port, [0], { listeners, servers, sessionLog: 'all' }))
      const client = connect(t, port, '::1')
      t.equal(await client.over, 'end')
      client.socket.end()
      t.match(await b.record(), { client: /^\[::1\]:\d+$/, listener: `[::1]:${port}`, local: /^\[::1\]:\d+$/ })
    })

    t.test('no server: SC', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      await b.put(table(port, [], { sessionLog: 'errors' }))
      await connect(t, port).over
      t.match(await b.record(), { termination: 'SC', server: -1, queueMs: -1, connectMs: -1, local: '', backend: 1 })
    })

    t.test('all attempts refused: SC, with the retries', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      await b.put(table(port, [await freePort(), await freePort()], { retries: 3, sessionLog: 'errors' }))
      await connect(t, port).over
      t.match(await b.record(), { termination: 'SC', retries: 3, isRedispatched: true, queueMs: 0, connectMs: -1 })
      await b.put(table(port, [await freePort()], { retries: 1, sessionLog: 'errors', connectTimeoutMs: 30 }))
      await connect(t, port).over
      t.match(await b.record(), { termination: 'SC', retries: 1, isRedispatched: false, server: 1 })
    })

    t.test('nobody answers: sC', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const ports = [await blackHole(t)]
      await b.put(table(port, ports, { retries: 1, connectTimeoutMs: 40, sessionLog: 'errors' }))
      await connect(t, port).over
      const told = await b.record()
      t.match(told, { termination: 'sC', retries: 1, connectMs: -1 })
      t.ok(told.totalMs >= 80)
    })

    t.test('the client leaves meanwhile: CC', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      await b.put(table(port, [await blackHole(t)], { connectTimeoutMs: 60_000, sessionLog: 'errors' }))
      const client = connect(t, port)
      await until('accepted', () => b.counters().current === 1)
      client.socket.end()
      t.match(await b.record(), { termination: 'CC', server: 1 })
    })

    t.test('a redispatched session that went well: --', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const good = await serve(t, (socket) => socket.end('x'))
      await b.put(table(port, [await freePort(), portOf(good)], { sessionLog: 'all', rotation: [0, 1, 1] }))
      const told = []
      for (let i = 0; i < 2; i++) {
        const client = connect(t, port)
        await client.over
        client.socket.end()
        told.push(await b.record())
      }
      t.match(told, [
        { termination: '--', retries: 1, isRedispatched: true, server: 2 },
        { termination: '--', retries: 0, isRedispatched: false, server: 2 }
      ])
    })

    t.test('reset by the client, by the server: CD, SD', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = await serve(t, (socket) => {
        socket.write('x')
        socket.once('data', () => socket.resetAndDestroy())
      })
      await b.put(table(port, [portOf(server)], { sessionLog: 'errors' }))
      const one = await answered(t, port)
      one.socket.resetAndDestroy()
      t.match(await b.record(), { termination: 'CD', client: /^127\.0\.0\.1:\d+$/, listener: `127.0.0.1:${port}` })
      const two = await answered(t, port)
      two.socket.write('y')
      t.match(await b.record(), { termination: 'SD', bytesIn: 1, bytesOut: 1 })
      t.match(b.counters().aborts, { client: 1, server: 1 })
    })

    t.test('idle too long: cD, sD', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = portOf(await serveName(t, 'x'))
      await b.put(table(port, [server], { sessionLog: 'errors', clientTimeoutMs: 60 }))
      await answered(t, port)
      t.match(await b.record(), { termination: 'cD' })
      await b.put(table(port, [server], { sessionLog: 'errors', serverTimeoutMs: 60 }))
      await answered(t, port)
      t.match(await b.record(), { termination: 'sD' })
    })

    for (const [why, termination] of [
      ['down', 'D-'],
      ['up', 'U-'],
      ['killed', 'K-']
    ] as const) {
      t.test(`closed because its server is ${why}: ${termination}, FIN to the client, RST to the server`, async (t) => {
        const b = bench(t, { mode })
        const port = await freePort()
        let reset: Promise<unknown> = Promise.resolve()
        const server = await serve(t, (socket) => {
          reset = new Promise((resolve) => socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code)))
          socket.write('x')
          socket.resume()
        })
        await b.put(table(port, [portOf(server)], { sessionLog: 'errors' }))
        const client = await answered(t, port)
        const servers = [entry(1, portOf(server), { closeSessions: why })]
        b.plane.publish(table(port, [0], { servers, rotation: [], sessionLog: 'errors' }))
        t.equal(await client.over, 'end')
        t.equal(await reset, 'ECONNRESET')
        t.match(await b.record(), { termination, server: 1 })
        t.match(b.server(1), { killed: 1, current: 0 })
      })
    }

    t.test('closed while it connects, with nowhere else to go: DC', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const ports = [await blackHole(t), portOf(await serveName(t, 'x'))]
      const more = { retries: 0, sessionLog: 'errors', connectTimeoutMs: 60_000 } as const
      await b.put(table(port, ports, { ...more, rotation: [0] }))
      const client = connect(t, port)
      await until('accepted', () => b.counters().current === 1)
      const servers = [entry(1, ports[0] ?? 0, { closeSessions: 'down' }), entry(2, ports[1] ?? 0)]
      b.plane.publish(table(port, ports, { ...more, servers, rotation: [1] }))
      t.equal(await client.over, 'end')
      t.match(await b.record(), { termination: 'DC', server: 1 })
    })
  })
}

t.test('which sessions leave a record', async (t) => {
  const b = bench(t, { threads: 2 })
  const port = await freePort()
  const ports = [portOf(await serve(t, (socket) => socket.end('x')))]
  const run = async (count: number): Promise<number> => {
    for (let i = 0; i < count; i++) {
      const client = connect(t, port)
      await client.over
      client.socket.end()
      await once(client.socket, 'close')
    }
    await until('over', () => b.counters().current === 0)
    return b.plane.records(1000).length
  }

  t.test('none', async (t) => {
    await b.put(table(port, ports, { sessionLog: 'off' }))
    t.equal(await run(5), 0)
  })

  t.test('those that did not end well', async (t) => {
    await b.put(table(port, ports, { sessionLog: 'errors' }))
    t.equal(await run(5), 0)
    await b.put(table(port, [], { sessionLog: 'errors' }))
    t.equal(await run(3), 3)
  })

  t.test('one in so many, over all threads', async (t) => {
    await b.put(table(port, ports, { sessionLog: 'sampled', logSample: 5 }))
    t.equal(await run(40), 8)
  })

  t.test('all', async (t) => {
    await b.put(table(port, ports, { sessionLog: 'all' }))
    t.equal(await run(12), 12)
  })
})

t.test('records come oldest first and in the portions asked for', async (t) => {
  const b = bench(t, { threads: 3 })
  const port = await freePort()
  await b.put(table(port, [portOf(await serve(t, (socket) => socket.end('x')))], { sessionLog: 'all' }))
  for (let i = 0; i < 30; i++) {
    const client = connect(t, port)
    await client.over
    client.socket.end()
    await once(client.socket, 'close')
    if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await until('over', () => b.counters().current === 0)
  const ends: number[] = []
  const ids = new Set<number>()
  for (let i = 0; i < 3; i++) {
    const part = b.plane.records(i < 2 ? 12 : 100)
    t.equal(part.length, i < 2 ? 12 : 6)
    for (const one of part) {
      ends.push(one.acceptedAtMs + one.totalMs)
      ids.add(one.id)
    }
  }
  t.equal(ids.size, 30)
  // Their times are whole milliseconds of two clocks.
  for (let i = 1; i < ends.length; i++) t.ok((ends[i] ?? 0) >= (ends[i - 1] ?? 0) - 2)
})

t.test('records that nobody fetches are dropped and counted, and no session suffers', async (t) => {
  const b = bench(t, { threads: 1, maxconn: 100 })
  const port = await freePort()
  await b.put(table(port, [], { sessionLog: 'all' }))
  const one = (): Promise<unknown> =>
    new Promise((resolve) => {
      const socket = net.connect({ port, host: '127.0.0.1' })
      socket.on('error', () => {})
      socket.on('close', resolve)
    })
  for (let i = 0; i < 45; i++) await Promise.all(Array.from({ length: 100 }, one))
  await until('all over', () => b.counters().total === 4500 && b.counters().current === 0)
  t.equal(b.plane.counters().recordsDropped, 4500 - 4096)
  t.equal(b.plane.records(10_000).length, 4096)
  await one()
  await until('the next one is told again', () => b.plane.records(10).length === 1)
})
