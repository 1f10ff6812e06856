import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { bench, connect, entry, freePort, listener, type Mode, table, until } from './bench.js'
import { BODY4, BODY6, clientHello, drip, proxied, recorder, v1, v2 } from './edge-bench.js'

const MODES: readonly Mode[] = ['copy', 'splice']
t.setTimeout(120_000)

const tlv = Buffer.from([0xe0, 0x00, 0x03, 1, 2, 3])
const goodHeaders = {
  'version 1, IPv4': { bytes: Buffer.from(v1()), client: '192.0.2.1:56789', listener: '198.51.100.2:443' },
  'version 1, IPv6': {
    bytes: Buffer.from(v1('2001:db8::1', '2001:db8::2')),
    client: '[2001:db8::1]:56789',
    listener: '[2001:db8::2]:443'
  },
  'version 2, IPv4': { bytes: v2(0x21, 0x11, BODY4), client: '192.0.2.1:56789', listener: '198.51.100.2:443' },
  'version 2, IPv6': { bytes: v2(0x21, 0x21, BODY6), client: '[2001:db8::1]:56789', listener: '[2001:db8::2]:443' },
  'version 2, with more behind the addresses': {
    bytes: v2(0x21, 0x11, Buffer.concat([BODY4, tlv])),
    client: '192.0.2.1:56789',
    listener: '198.51.100.2:443'
  }
}

const namelessHeaders = {
  'version 1, UNKNOWN': Buffer.from('PROXY UNKNOWN\r\n'),
  'version 1, UNKNOWN with words': Buffer.from('PROXY UNKNOWN 192.0.2.1 198.51.100.2 1 2\r\n'),
  'version 2, LOCAL': v2(0x20, 0x00, Buffer.alloc(0)),
  'version 2, LOCAL with addresses': v2(0x20, 0x11, BODY4),
  'version 2, a unix socket': v2(0x21, 0x31, Buffer.alloc(216, 'u'))
}

const badHeaders = {
  'HTTP instead': 'GET / HTTP/1.1\r\n\r\n',
  'TLS instead': '\x16\x03\x01\x00\x05',
  'no such protocol': 'PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n',
  'a name for an address': 'PROXY TCP4 localhost 198.51.100.2 1 2\r\n',
  'an address of the other family': 'PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n',
  'a port beyond 65535': 'PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n',
  'a port too few': 'PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n',
  'a line without end': `PROXY UNKNOWN ${'x'.repeat(120)}`,
  'CR without LF': 'PROXY UNKNOWN\rX',
  'version 3': v2(0x31, 0x11, BODY4),
  'no such command': v2(0x22, 0x11, BODY4),
  'no such family': v2(0x21, 0x41, BODY4),
  'addresses cut short': v2(0x21, 0x11, BODY4.subarray(1)),
  'longer than 4 KiB': v2(0x21, 0x11, BODY4, 4097 - 16)
}

for (const mode of MODES) {
  t.test(`${mode}: PROXY headers that come in`, async (t) => {
    for (const [name, header] of Object.entries(goodHeaders)) {
      t.test(`${name}: the server gets what follows, and the client is who the header says`, async (t) => {
        const b = bench(t, { mode })
        const port = await freePort()
        const server = await recorder(t, 'a')
        b.plane.publish(table(port, [server.port], { listeners: [proxied(port)], sessionLog: 'all' }))
        const whole = connect(t, port)
        whole.socket.write(Buffer.concat([header.bytes, Buffer.from('hello')]))
        t.equal((await server.hears(0, 5)).toString(), 'hello')
        const slow = connect(t, port)
        await drip(slow.socket, header.bytes)
        await drip(slow.socket, 'hello')
        t.equal((await server.hears(1, 5)).toString(), 'hello')
        for (const client of [whole, slow]) {
          client.socket.end()
          t.equal(await client.over, 'end')
          t.equal(client.text(), 'abye')
          const expected = { client: header.client, listener: header.listener, termination: '--', bytesIn: 5 }
          t.match(await b.record(), expected)
        }
        t.match(b.counters(), { malformed: 0, total: 2, bytesIn: 10 })
      })
    }

    t.test('a header that names nobody leaves the addresses of the socket', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = await recorder(t, 'a')
      b.plane.publish(table(port, [server.port], { listeners: [proxied(port)], sessionLog: 'all' }))
      for (const [index, bytes] of Object.values(namelessHeaders).entries()) {
        const client = connect(t, port)
        client.socket.write(bytes)
        client.socket.end('hello')
        t.equal(await client.over, 'end')
        t.equal((await server.hears(index, 5)).toString(), 'hello')
        const record = await b.record()
        t.match(record, { client: /^127\.0\.0\.1:\d+$/, termination: '--' })
      }
      t.equal(b.counters().malformed, 0)
    })

    for (const [name, bytes] of Object.entries(badHeaders)) {
      t.test(`${name}: reset, counted, and no server hears of it`, async (t) => {
        const b = bench(t, { mode })
        const port = await freePort()
        const server = await recorder(t, 'a')
        b.plane.publish(table(port, [server.port], { listeners: [proxied(port)], sessionLog: 'errors' }))
        const client = connect(t, port)
        client.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
        t.match(await client.over, /ECONNRESET/)
        t.match(await b.record(), { termination: 'PR', server: -1, queueMs: -1, connectMs: -1 })
        await until('it is gone', () => b.counters().current === 0)
        t.match(b.counters(), { malformed: 1, refused: 0, aborts: { client: 0, server: 0 } })
        t.equal(server.heard.length, 0)
      })
    }

    t.test('a header that does not come is waited for no longer than the handshake may take', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = await recorder(t, 'a')
      const options = { listeners: [proxied(port)], handshakeTimeoutMs: 100, sessionLog: 'all' as const }
      b.plane.publish(table(port, [server.port], options))
      for (const part of ['', v1().slice(0, 20)]) {
        const client = connect(t, port)
        if (part !== '') client.socket.write(part)
        t.equal(await client.over, 'end')
        const record = await b.record()
        t.match(record, { termination: 'cR', server: -1 })
        t.ok(record.totalMs >= 95, `${record.totalMs} ms`)
      }
      t.match(b.counters(), { malformed: 0, timeouts: { handshake: 2, client: 0, connect: 0 } })
      t.equal(server.heard.length, 0)
    })

    t.test('a client that leaves before its header is there costs no server anything', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = await recorder(t, 'a')
      b.plane.publish(table(port, [server.port], { listeners: [proxied(port)], sessionLog: 'all' }))
      for (const how of ['end', 'resetAndDestroy'] as const) {
        for (const part of ['', v1().slice(0, 20)]) {
          const client = connect(t, port)
          await once(client.socket, 'connect')
          if (part !== '') await new Promise((resolve) => client.socket.write(part, resolve))
          client.socket[how]()
          t.match(await b.record(), { termination: 'CR' }, `${how} after ${part.length} bytes`)
        }
      }
      t.match(b.counters(), { aborts: { client: 4 }, malformed: 0, current: 0 })
      t.equal(server.heard.length, 0)
    })

    t.test('deny, allow and the limit for one address look at the client that the header names', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = await recorder(t, 'a')
      const limits = { deny: ['192.0.2.128/25'], allow: ['192.0.2.0/24', '2001:db8::/32'], sourceMaxconn: 1 }
      b.plane.publish(table(port, [server.port], { listeners: [proxied(port)], ...limits, sessionLog: 'all' }))
      const ask = (source: string) => {
        const client = connect(t, port)
        client.socket.write(v1(source, source.includes(':') ? '::1' : '127.0.0.1'))
        return client
      }
      const first = ask('192.0.2.1')
      await once(first.socket, 'data')
      t.match(await ask('192.0.2.1').over, /ECONNRESET/, 'its address has a session already')
      t.match(await b.record(), { client: '192.0.2.1:56789', termination: 'PR' })
      t.match(b.counters(), { sourceLimited: 1, denied: 0 })
      for (const [index, source] of ['192.0.2.129', '203.0.113.1', '2001:db9::1'].entries()) {
        t.match(await ask(source).over, /ECONNRESET/, source)
        t.match(await b.record(), { termination: 'PR' })
        t.equal(b.counters().denied, index + 1)
      }
      for (const source of ['192.0.2.2', '2001:db8::7']) await once(ask(source).socket, 'data')
      t.equal(server.heard.length, 3)
    })

    t.test('megabytes behind a header arrive as they were sent', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = await recorder(t, '')
      b.plane.publish(table(port, [server.port], { listeners: [proxied(port)] }))
      const bytes = Buffer.alloc(3_000_000)
      for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 131) >> 3
      const client = connect(t, port)
      client.socket.write(Buffer.concat([Buffer.from(v1()), bytes]))
      client.socket.end()
      t.equal(await client.over, 'end')
      t.ok((await server.hears(0, bytes.length)).equals(bytes))
      t.equal(b.counters().bytesIn, bytes.length)
    })
  })

  t.test(`${mode}: routes by the name in a ClientHello`, async (t) => {
    const routed = async (t: Test, more: Parameters<typeof table>[2] = {}) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const [own, exact, wild, deep] = await Promise.all(['own', 'exact', 'wild', 'deep'].map((n) => recorder(t, n)))
      if (!own || !exact || !wild || !deep) throw new Error('four servers')
      for (const [id, server] of [
        [2, exact],
        [3, wild],
        [4, deep]
      ] as const) {
        b.plane.publish({ ...table(port, [server.port]), id, listeners: [], servers: [entry(id * 10, server.port)] })
      }
      const routes = [
        { servername: '*.example.com', service: 3 },
        { servername: 'api.example.com', service: 2 },
        { servername: '*.deep.example.com', service: 4 },
        { servername: 'gone.example.org', service: 9 }
      ]
      b.plane.publish(table(port, [own.port], { routes, sessionLog: 'all', ...more }))
      return { b, port, own, exact, wild, deep }
    }
    const says = async (t: Test, port: number, bytes: Buffer) => {
      const client = connect(t, port)
      client.socket.write(bytes)
      await once(client.socket, 'data')
      return client
    }

    t.test('its own route, the longest wildcard above it, else the own servers', async (t) => {
      const { b, port } = await routed(t)
      const expected = {
        'api.example.com': ['exact', 2],
        'API.Example.COM': ['exact', 2],
        'x.example.com': ['wild', 3],
        'y.x.example.com': ['wild', 3],
        'x.deep.example.com': ['deep', 4],
        'deep.example.com': ['wild', 3],
        'example.com': ['own', 1],
        'notexample.com': ['own', 1],
        'gone.example.org': ['own', 1],
        '': ['own', 1]
      } as const
      for (const [name, [answer, backend]] of Object.entries(expected)) {
        const client = await says(t, port, await clientHello(t, name))
        t.equal(client.text(), answer, name)
        client.socket.end()
        await client.over
        t.match(await b.record(), { service: 1, backend, termination: '--' }, name)
      }
      t.match(b.counters(), { total: 10, malformed: 0 })
      t.equal(b.counters(3).servers[0]?.total, 3, 'the server is counted where it belongs')
    })

    t.test(
      'a hello in single bytes, and one in records of ten bytes, are read and passed on as they are',
      async (t) => {
        const { b, port, exact } = await routed(t)
        const whole = await clientHello(t, 'api.example.com')
        const slow = connect(t, port)
        await drip(slow.socket, whole)
        if (slow.text() === '') await once(slow.socket, 'data')
        t.equal(slow.text(), 'exact')
        t.ok((await exact.hears(0, whole.length)).equals(whole))
        const parts: Buffer[] = []
        for (let at = 5; at < whole.length; at += 10) {
          const part = whole.subarray(at, at + 10)
          parts.push(Buffer.from([22, 3, 1, 0, part.length]), part)
        }
        const cut = Buffer.concat(parts)
        const client = await says(t, port, cut)
        t.equal(client.text(), 'exact')
        t.ok((await exact.hears(1, cut.length)).equals(cut))
        t.equal(b.counters().malformed, 0)
      }
    )

    t.test('a service that is withdrawn is no target: the own servers get it', async (t) => {
      const { b, port } = await routed(t)
      b.plane.withdraw(2, false)
      await b.sessions()
      t.equal((await says(t, port, await clientHello(t, 'api.example.com'))).text(), 'own')
    })

    t.test('a service without servers is a target all the same: reset', async (t) => {
      const { b, port } = await routed(t)
      b.plane.publish({ ...table(port, []), id: 2, listeners: [] })
      await b.sessions()
      const client = connect(t, port)
      client.socket.write(await clientHello(t, 'api.example.com'))
      t.match(await client.over, /ECONNRESET/)
      t.match(await b.record(), { service: 1, backend: 2, server: -1, termination: 'SC' })
      t.equal(b.counters().refused, 1)
    })

    t.test('what is no TLS goes to the own servers at once, as it is', async (t) => {
      const { b, port, own } = await routed(t, { handshakeTimeoutMs: 60_000 })
      const client = await says(t, port, Buffer.from('GET / HTTP/1.1\r\n\r\n'))
      t.equal(client.text(), 'own')
      t.equal((await own.hears(0, 18)).toString(), 'GET / HTTP/1.1\r\n\r\n')
      t.match(b.counters(), { malformed: 1, current: 1 })
    })

    t.test('a hello of 20 KB is not read to its end, and passed on whole', async (t) => {
      const { b, port, own } = await routed(t, { handshakeTimeoutMs: 60_000 })
      const body = Buffer.alloc(20_000, 'x')
      const huge = Buffer.concat([Buffer.from([22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3]), body])
      const client = await says(t, port, huge)
      t.equal(client.text(), 'own')
      t.ok((await own.hears(0, huge.length)).equals(huge))
      t.equal(b.counters().current, 1)
    })

    t.test('a client that waits for the server to speak first gets the own servers after the timeout', async (t) => {
      const { b, port, own } = await routed(t, { handshakeTimeoutMs: 100 })
      const hello = await clientHello(t, 'api.example.com')
      const parts = [Buffer.alloc(0), hello.subarray(0, 50)]
      for (const [index, part] of parts.entries()) {
        const client = connect(t, port)
        if (part.length > 0) client.socket.write(part)
        await once(client.socket, 'data')
        t.equal(client.text(), 'own')
        t.ok((await own.hears(index, part.length)).equals(part))
        client.socket.end()
        await client.over
        const record = await b.record()
        t.match(record, { termination: '--' })
        t.ok(record.queueMs >= 95, `${record.queueMs} ms`)
      }
      t.match(b.counters(), { timeouts: { handshake: 0 }, malformed: 0 })
    })

    t.test(
      'a client that ends in its hello: what it said goes to the own servers; nothing said, nobody is asked',
      async (t) => {
        const { b, port, own, exact } = await routed(t, { handshakeTimeoutMs: 60_000 })
        const hello = await clientHello(t, 'api.example.com')
        const half = connect(t, port)
        half.socket.end(hello.subarray(0, 50))
        t.equal(await half.over, 'end')
        t.equal(half.text(), 'ownbye')
        t.ok(own.heard[0]?.bytes.equals(hello.subarray(0, 50)))
        t.match(await b.record(), { termination: '--' })
        const all = connect(t, port)
        all.socket.end(hello)
        t.equal(await all.over, 'end')
        t.equal(all.text(), 'exactbye')
        t.ok(exact.heard[0]?.isOver)
        t.match(await b.record(), { termination: '--' })
        const silent = connect(t, port)
        silent.socket.end()
        t.equal(await silent.over, 'end')
        t.match(await b.record(), { termination: 'CR', server: -1 })
        const reset = connect(t, port)
        await once(reset.socket, 'connect')
        await new Promise((resolve) => reset.socket.write(hello.subarray(0, 50), resolve))
        reset.socket.resetAndDestroy()
        t.match(await b.record(), { termination: 'CR', server: -1 })
        t.match(b.counters(), { aborts: { client: 2 }, total: 4, current: 0 })
        t.equal(own.heard.length + exact.heard.length, 2)
      }
    )

    t.test('a session that waits is told of as such, and can be killed', async (t) => {
      const { b, port } = await routed(t, { handshakeTimeoutMs: 60_000 })
      const client = connect(t, port)
      await until('it is there', () => b.counters().current === 1)
      const [session] = await b.sessions()
      t.match(session, { state: 'handshake', service: 1, backend: 1, server: -1, local: '' })
      b.plane.kill(session?.id ?? 0, 0)
      t.equal(await client.over, 'end')
      t.match(await b.record(), { termination: 'KR' })
    })

    t.test('a service that is withdrawn with its sessions resets those that wait, too', async (t) => {
      const { b, port } = await routed(t, { handshakeTimeoutMs: 60_000 })
      const client = connect(t, port)
      await until('it is there', () => b.counters().current === 1)
      b.plane.withdraw(1, true)
      t.match(await client.over, /ECONNRESET/)
      t.match(await b.record(), { termination: 'KR' })
    })

    t.test('a timeout that is published later holds for those that wait already', async (t) => {
      const { b, port, own } = await routed(t, { handshakeTimeoutMs: 60_000 })
      const client = connect(t, port)
      await until('it is there', () => b.counters().current === 1)
      b.plane.publish(table(port, [own.port], { routes: [{ servername: 'a', service: 2 }], handshakeTimeoutMs: 50 }))
      await once(client.socket, 'data')
      t.equal(client.text(), 'own')
    })

    t.test('a PROXY header first, then the hello', async (t) => {
      const { b, port } = await routed(t, { handshakeTimeoutMs: 60_000 })
      const again = await freePort()
      const own = await recorder(t, 'own')
      b.plane.publish(
        table(port, [own.port], {
          listeners: [listener('127.0.0.1', port), proxied(again)],
          routes: [{ servername: 'api.example.com', service: 2 }],
          sessionLog: 'all'
        })
      )
      const hello = await clientHello(t, 'api.example.com')
      const client = connect(t, again)
      await drip(client.socket, Buffer.concat([Buffer.from(v1()), hello]))
      if (client.text() === '') await once(client.socket, 'data')
      t.equal(client.text(), 'exact')
      client.socket.end()
      await client.over
      t.match(await b.record(), { client: '192.0.2.1:56789', backend: 2, bytesIn: hello.length })
    })

    t.test('who may not come in is reset after the PROXY header, whatever he says then', async (t) => {
      const { b, port } = await routed(t)
      const behind = await freePort()
      const routes = [{ servername: 'api.example.com', service: 2 }]
      const options = { listeners: [proxied(behind)], routes, deny: ['192.0.2.0/24'], handshakeTimeoutMs: 60_000 }
      b.plane.publish(table(port, [1], { ...options, sessionLog: 'all' }))
      const client = connect(t, behind)
      client.socket.write(v1())
      t.match(await client.over, /ECONNRESET/)
      t.match(await b.record(), { client: '192.0.2.1:56789', termination: 'PR' })
      t.equal(b.counters().denied, 1)
    })

    t.test('real TLS: each name comes to the server that has its certificate', async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'vipd-sni-'))
      t.teardown(() => rmSync(folder, { recursive: true }))
      const b = bench(t, { mode })
      const port = await freePort()
      const names = ['a.example.com', 'b.example.com', 'c.example.net']
      const ports = await Promise.all(names.map((name) => serveTls(t, folder, name)))
      const [first = 0, second = 0, third = 0] = ports
      b.plane.publish({ ...table(port, [second]), id: 2, listeners: [] })
      b.plane.publish({ ...table(port, [third]), id: 3, listeners: [] })
      const routes = [
        { servername: 'b.example.com', service: 2 },
        { servername: '*.example.net', service: 3 }
      ]
      b.plane.publish(table(port, [first], { routes }))
      for (const name of names) {
        const socket = tls.connect({ port, host: '127.0.0.1', servername: name, rejectUnauthorized: false })
        await once(socket, 'secureConnect')
        t.equal(socket.getPeerCertificate().subject.CN, name)
        socket.write('ping')
        const [answer] = (await once(socket, 'data')) as [Buffer]
        t.equal(answer.toString(), `${name}: ping`)
        socket.destroy()
      }
    })
  })

  t.test(`${mode}: PROXY headers to servers`, async (t) => {
    t.test('the header goes first, before the client has said anything', async (t) => {
      for (const version of [1, 2] as const) {
        const b = bench(t, { mode })
        const port = await freePort()
        const server = await recorder(t, 'hi')
        const servers = [entry(1, server.port, { sendProxy: version })]
        b.plane.publish(table(port, [], { servers, rotation: [0], sessionLog: 'all' }))
        const client = connect(t, port)
        await once(client.socket, 'data')
        const local = client.socket.localPort ?? 0
        const body = Buffer.concat([Buffer.from([127, 0, 0, 1, 127, 0, 0, 1]), twoBytes(local), twoBytes(port)])
        const header = version === 1 ? Buffer.from(v1('127.0.0.1', '127.0.0.1', local, port)) : v2(0x21, 0x11, body)
        t.ok((await server.hears(0, header.length)).equals(header))
        client.socket.write('hello')
        t.ok((await server.hears(0, header.length + 5)).equals(Buffer.concat([header, Buffer.from('hello')])))
        client.socket.end()
        await client.over
        t.match(await b.record(), { bytesIn: 5, bytesOut: 5 }, 'the header is nobody’s traffic')
      }
    })

    t.test('what a PROXY header told us is told to the server, IPv6 too', async (t) => {
      const six = v1('2001:db8::1', '2001:db8::2')
      const cases = [
        { version: 1, header: v1(), expected: Buffer.from(v1()) },
        { version: 1, header: six, expected: Buffer.from(six) },
        { version: 2, header: v1(), expected: v2(0x21, 0x11, BODY4) },
        { version: 2, header: six, expected: v2(0x21, 0x21, BODY6) }
      ] as const
      for (const { version, header, expected } of cases) {
        const b = bench(t, { mode })
        const port = await freePort()
        const server = await recorder(t, '')
        const servers = [entry(1, server.port, { sendProxy: version })]
        b.plane.publish(table(port, [], { listeners: [proxied(port)], servers, rotation: [0] }))
        connect(t, port).socket.write(`${header}hello`)
        const wanted = Buffer.concat([expected, Buffer.from('hello')])
        t.ok((await server.hears(0, wanted.length)).equals(wanted))
      }
    })

    t.test('a server that is reached after another one refused gets it as well, in front of a hello', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = await recorder(t, 'b')
      b.plane.publish({
        ...table(port, [], {
          servers: [entry(1, await freePort(), { sendProxy: 1 }), entry(2, server.port, { sendProxy: 1 })],
          rotation: [0, 1]
        }),
        id: 2,
        listeners: []
      })
      b.plane.publish(table(port, [], { routes: [{ servername: 'api.example.com', service: 2 }] }))
      const hello = await clientHello(t, 'api.example.com')
      for (const index of [0, 1]) {
        const client = connect(t, port)
        client.socket.write(hello)
        await once(client.socket, 'data')
        const header = Buffer.from(v1('127.0.0.1', '127.0.0.1', client.socket.localPort ?? 0, port))
        const wanted = Buffer.concat([header, hello])
        t.ok((await server.hears(index, wanted.length)).equals(wanted))
      }
      t.ok(b.counters(2).servers[0]?.redispatches ?? 0)
    })
  })
}

const twoBytes = (value: number): Buffer => Buffer.from([value >> 8, value & 255])

async function serveTls(t: Test, folder: string, name: string): Promise<number> {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)]
  const make = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  execFileSync('openssl', [...make, '-subj', `/CN=${name}`, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  const server = tls.createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (socket) => {
    socket.on('error', () => {})
    socket.on('data', (data) => socket.write(`${name}: ${data.toString()}`))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
