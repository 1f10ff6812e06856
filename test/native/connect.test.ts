import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import t from 'tap'
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
  t.test(`${mode}: choosing and reaching a server`, async (t) => {
    t.test('connections take turns exactly, over all threads together', async (t) => {
      const b = bench(t, { mode, threads: 2 })
      const port = await freePort()
      const names = await Promise.all(['a', 'b', 'c'].map((name) => serveName(t, name)))
      b.plane.publish(table(port, names.map(portOf)))
      const order: string[] = []
      for (let i = 0; i < 30; i++) order.push((await answered(t, port)).text())
      t.same(
        order,
        Array.from({ length: 30 }, (_, i) => ['a', 'b', 'c'][i % 3])
      )
      await Promise.all(Array.from({ length: 60 }, () => answered(t, port)))
      for (const id of [1, 2, 3]) t.match(b.server(id), { total: 30, current: 30 })
    })

    t.test('a user timeout that is shorter than the connect timeout ends an attempt', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const options = { retries: 0, connectTimeoutMs: 60_000, userTimeoutMs: 500 }
      b.plane.publish(table(port, [await blackHole(t)], options))
      t.equal(await connect(t, port).over, 'end')
      await until('event', () => b.events.length > 0)
      t.match(b.events[0], { type: 'connect-failed', error: 'ETIMEDOUT' })
    })

    t.test('a server that refuses is passed over without the client noticing', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const refusing = await freePort()
      b.plane.publish(table(port, [refusing, portOf(await serveName(t, 'good'))]))
      for (let i = 0; i < 4; i++) t.equal((await answered(t, port)).text(), 'good')
      await until('events', () => b.events.length > 0)
      t.same(b.events[0], { type: 'connect-failed', service: 1, server: 1, error: 'ECONNREFUSED' })
      t.ok(b.server(1).connectErrors > 0)
      t.equal(b.server(1).redispatches, b.server(1).connectErrors)
      t.match(b.server(2), { total: 4, connectErrors: 0 })
      t.equal(b.counters().refused, 0)
    })

    t.test('when all servers refuse the client is closed after one attempt and its retries', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      b.plane.publish(table(port, [await freePort(), await freePort()], { retries: 3 }))
      t.equal(await connect(t, port).over, 'end')
      await until('events', () => b.events.length === 4)
      t.equal(b.server(1).connectErrors + b.server(2).connectErrors, 4)
      t.equal(b.server(1).redispatches + b.server(2).redispatches, 3)
      t.equal(b.counters().current, 0)
    })

    t.test('without redispatch the same server is tried again after a pause', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const options = { retries: 2, redispatch: false, connectTimeoutMs: 100 }
      b.plane.publish(table(port, [await freePort(), await freePort()], options))
      const began = performance.now()
      t.equal(await connect(t, port).over, 'end')
      t.ok(performance.now() - began >= 195, 'two pauses')
      t.match(b.server(1), { connectErrors: 3, retries: 2, redispatches: 0 })
      t.match(b.server(2), { connectErrors: 0 })
    })

    t.test('a server that comes up between two attempts is reached', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const late = await freePort()
      b.plane.publish(table(port, [late], { connectTimeoutMs: 300 }))
      const client = connect(t, port)
      await until('first attempt', () => b.server(1).connectErrors === 1)
      const { createServer } = await import('node:net')
      const server = createServer((socket) => socket.end('late')).listen(late, '127.0.0.1')
      t.teardown(() => server.close())
      t.equal(await client.over, 'end')
      t.equal(client.text(), 'late')
    })

    t.test('with no server at all the client is reset at once', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      b.plane.publish(table(port, [await freePort()], { rotation: [] }))
      t.match(await connect(t, port).over, /ECONNRESET/)
      t.match(b.counters(), { refused: 1, current: 0 })
    })

    t.test('a server that does not answer is left after the connect timeout', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const ports = [await blackHole(t), portOf(await serveName(t, 'good'))]
      b.plane.publish(table(port, ports, { connectTimeoutMs: 200 }))
      const began = performance.now()
      const client = await answered(t, port)
      t.ok(performance.now() - began >= 195)
      t.equal(client.text(), 'good')
      t.same(b.events, [{ type: 'connect-failed', service: 1, server: 1, error: 'ETIMEDOUT' }])
      t.equal(b.counters().timeouts.connect, 0)
    })

    t.test('when nobody answers the client is closed after all timeouts', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      b.plane.publish(table(port, [await blackHole(t)], { connectTimeoutMs: 100, retries: 2 }))
      const began = performance.now()
      t.equal(await connect(t, port).over, 'end')
      t.ok(performance.now() - began >= 295)
      t.match(b.counters().timeouts, { connect: 1, client: 0, server: 0 })
      t.match(b.server(1), { connectErrors: 3, retries: 2 })
    })

    t.test('a client that leaves before its server is reached ends the attempt', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      b.plane.publish(table(port, [await blackHole(t)], { connectTimeoutMs: 60_000 }))
      const client = connect(t, port)
      await until('accepted', () => b.counters().current === 1)
      client.socket.end()
      t.equal(await client.over, 'end')
      await until('session over', () => b.counters().current === 0)
      t.match(b.counters().aborts, { client: 1 })
    })

    t.test(
      'abortonclose: a client that closes its side before it has a server is given up with what it has asked',
      async (t) => {
        const b = bench(t, { mode })
        const port = await freePort()
        b.plane.publish(table(port, [await blackHole(t)], { connectTimeoutMs: 60_000, abortsOnClose: true }))
        const client = connect(t, port)
        client.socket.write('request')
        await until('accepted', () => b.counters().current === 1)
        client.socket.end()
        await client.over
        await until('session over', () => b.counters().current === 0)
        t.match(b.counters().aborts, { client: 1 })
      }
    )

    t.test('a client that has sent its request and closed its side is still served', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = await serve(t, (socket) => socket.pipe(socket))
      const ports = [await blackHole(t), portOf(server)]
      b.plane.publish(table(port, ports, { connectTimeoutMs: 200 }))
      const client = connect(t, port)
      client.socket.end('request')
      t.equal(await client.over, 'end')
      t.equal(client.text(), 'request')
    })

    t.test('sessions still connecting follow when their server leaves the rotation', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const ports = [await blackHole(t), portOf(await serveName(t, 'good'))]
      b.plane.publish(table(port, ports, { rotation: [0], connectTimeoutMs: 60_000 }))
      const client = connect(t, port)
      await until('accepted', () => b.counters().current === 1)
      b.plane.publish(table(port, ports, { rotation: [1], connectTimeoutMs: 60_000 }))
      await once(client.socket, 'data')
      t.equal(client.text(), 'good')
      t.match(b.server(1), { redispatches: 1, connectErrors: 0 })
      b.plane.publish(table(port, ports, { rotation: [0], connectTimeoutMs: 60_000 }))
      const second = connect(t, port)
      await until('accepted', () => b.counters().current === 2)
      b.plane.publish(table(port, ports, { rotation: [] }))
      t.match(await second.over, /ECONNRESET/)
    })

    t.test('a thousand clients that leave at once leave nothing behind', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      b.plane.publish(table(port, [portOf(await serveName(t, 'x'))]))
      await answered(t, port).then((client) => client.socket.destroy())
      await until('settled', () => b.counters().current === 0)
      const descriptors = (): number => readdirSync('/proc/self/fd').length
      const before = descriptors()
      for (let round = 0; round < 20; round++) {
        const clients = Array.from({ length: 50 }, (_, i) => {
          const client = connect(t, port)
          client.socket.on('connect', () => (i % 2 === 0 ? client.socket.destroy() : client.socket.resetAndDestroy()))
          return once(client.socket, 'close')
        })
        await Promise.all(clients)
      }
      await until('all over', () => b.counters().total === 1001 && b.counters().current === 0)
      await until('descriptors are given back', () => descriptors() <= before + 4)
      t.equal(b.server(1).current, 0)
    })

    t.test('sessions of a server that was marked down are closed, those of others are not', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const down = await serve(t, (socket) => {
        socket.write('down')
        socket.on('error', (error: NodeJS.ErrnoException) => reset.push(error.code))
        socket.resume()
      })
      const reset: unknown[] = []
      const ports = [portOf(down), portOf(await serveName(t, 'up'))]
      b.plane.publish(table(port, ports))
      const first = await answered(t, port)
      const second = await answered(t, port)
      t.same([first.text(), second.text()], ['down', 'up'])
      const servers = [entry(1, ports[0] ?? 0, { closeSessions: 'down' }), entry(2, ports[1] ?? 0)]
      b.plane.publish(table(port, ports, { servers, rotation: [1] }))
      t.equal(await first.over, 'end')
      await until('server told', () => reset.length === 1)
      t.same(reset, ['ECONNRESET'])
      t.match(b.server(1), { killed: 1, current: 0, total: 1 })
      second.socket.write('!')
      await until('still served', () => second.text() === 'up!')
    })
  })
}
