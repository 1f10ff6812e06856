import { once } from 'node:events'
import net from 'node:net'
import { networkInterfaces } from 'node:os'
import t, { type Test } from 'tap'
import { bench, connect, entry, freePort, listener, type Mode, portOf, serve, table, until } from './bench.js'
import { proxied, v1 } from './edge-bench.js'

const MODES: readonly Mode[] = ['copy', 'splice']
t.setTimeout(60_000)

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === '::1'))
const noIpv6 = hasIpv6 ? false : 'no ::1 here'
const noRoot = process.getuid?.() === 0 ? false : 'needs root (IP_TRANSPARENT)'

/** A server that tells everybody where he comes from. */
const mirror = (t: Test, host = '127.0.0.1') =>
  serve(t, (socket) => socket.end(`${socket.remoteAddress}`).resume(), host)

for (const mode of MODES) {
  t.test(`${mode}: source addresses`, async (t) => {
    t.test('a server is reached from its own source address, another one from where the kernel likes', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const [one, two] = [portOf(await mirror(t)), portOf(await mirror(t))]
      const servers = [entry(1, one, { source: '127.0.0.9' }), entry(2, two)]
      b.plane.publish(table(port, [], { servers, rotation: [0, 1], sessionLog: 'all' }))
      for (const source of ['127.0.0.9', '127.0.0.1', '127.0.0.9', '127.0.0.1']) {
        const client = connect(t, port)
        t.equal(await client.over, 'end')
        t.equal(client.text(), source)
        client.socket.end()
        t.match(await b.record(), { local: new RegExp(`^${source}:\\d+$`), termination: '--' })
      }
    })

    t.test('also IPv6, and after a server that refused', { skip: noIpv6 }, async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const six = { address: '::1', source: '::1' }
      const servers = [
        entry(1, await freePort(), { source: '127.0.0.9' }),
        entry(2, portOf(await mirror(t, '::1')), six)
      ]
      b.plane.publish(table(port, [], { servers, rotation: [0, 1] }))
      for (let i = 0; i < 2; i++) {
        const client = connect(t, port)
        t.equal(await client.over, 'end')
        t.equal(client.text(), '::1')
      }
    })

    t.test('hundreds of connections from one address', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const servers = [entry(1, portOf(await mirror(t)), { source: '127.0.0.9' })]
      b.plane.publish(table(port, [], { servers, rotation: [0] }))
      const clients = Array.from({ length: 300 }, () => connect(t, port))
      for (const client of clients) t.equal(await client.over, 'end')
      t.equal(b.events.length, 0)
    })

    for (const [name, source, error] of [
      ['an address that this host does not have', '192.0.2.55', 'EADDRNOTAVAIL'],
      ['an address of the other family', '::1', 'EAFNOSUPPORT']
    ] as const) {
      t.test(`${name}: our own fault, told by name, and not held against the server`, async (t) => {
        const b = bench(t, { mode })
        const port = await freePort()
        const servers = [entry(1, portOf(await mirror(t)), { source })]
        const more = { servers, retries: 0, sessionLog: 'all' as const }
        b.plane.publish(table(port, [], { ...more, rotation: [0] }))
        t.equal(await connect(t, port).over, 'end')
        await until('it is told', () => b.events.length === 1)
        t.same(b.events, [{ type: 'connect-failed', service: 1, server: 1, error }])
        t.match(await b.record(), { termination: 'RC', server: 1 })
        t.match(b.server(1), { failuresInRow: 0, connectErrors: 1 })
      })
    }
  })

  t.test(`${mode}: transparent sources`, { skip: noRoot }, async (t) => {
    t.test('the server sees the client’s address, of a PROXY header where there is one', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const behind = await freePort()
      const server = portOf(await mirror(t))
      // A source of the server's own does not count then.
      const servers = [entry(1, server, { source: '127.0.0.9' })]
      const listeners = [listener('127.0.0.1', port), proxied(behind)]
      b.plane.publish(table(port, [], { servers, listeners, rotation: [0], isTransparent: true, sessionLog: 'all' }))
      for (const [to, from, header, expected] of [
        [port, '127.0.0.5', '', '127.0.0.5'],
        [port, '127.0.0.6', '', '127.0.0.6'],
        [behind, '127.0.0.5', v1('127.0.0.77', '127.0.0.1'), '127.0.0.77']
      ] as const) {
        const socket = net.connect({ port: to, host: '127.0.0.1', localAddress: from })
        socket.write(`${header}hello`)
        const [answer] = (await once(socket, 'data')) as [Buffer]
        t.equal(answer.toString(), expected)
        await once(socket, 'end')
        t.match(await b.record(), { local: new RegExp(`^${expected}:\\d+$`) })
      }
    })

    t.test('IPv6', { skip: noIpv6 }, async (t) => {
      const b = bench(t, { mode })
      const port = await freePort('::')
      const servers = [entry(1, portOf(await mirror(t, '::1')), { address: '::1' })]
      const options = { servers, listeners: [listener('::1', port)], rotation: [0], isTransparent: true }
      b.plane.publish(table(port, [], options))
      const client = connect(t, port, '::1')
      t.equal(await client.over, 'end')
      t.equal(client.text(), '::1')
    })

    t.test(
      'a client of another family than the server, and a unix client, cannot be shown to it',
      { skip: noIpv6 },
      async (t) => {
        const b = bench(t, { mode })
        const port = await freePort('::')
        const path = `/tmp/vipd-transparent-${process.pid}-${mode}`
        const servers = [entry(1, portOf(await mirror(t)))]
        b.plane.publish(
          table(port, [], {
            servers,
            rotation: [0],
            retries: 0,
            isTransparent: true,
            sessionLog: 'all',
            listeners: [listener('::1', port), { kind: 'unix', path, mode: -1, acceptProxy: false, maxconn: 0 }]
          })
        )
        for (const [index, where] of [{ host: '::1', port }, { path }].entries()) {
          const socket = net.connect(where)
          socket.on('error', () => {}).resume()
          await once(socket, 'close')
          await until('it is told', () => b.events.length === index + 1)
          t.match(b.events[index], { type: 'connect-failed', server: 1, error: 'EAFNOSUPPORT' })
          t.match(await b.record(), { termination: 'RC' })
        }
        t.equal(b.server(1).failuresInRow, 0)
      }
    )
  })
}
