import { type ChildProcessByStdio, spawn } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { ListenerEntry, ServiceCounters, ServiceTable } from '../../src/os/plane.js'
import { bench, type Client, connect, entry, freePort, listener, type Mode, python, table, until } from './bench.js'
import { recorder, v1 } from './edge-bench.js'

const MODES: readonly Mode[] = ['copy', 'splice']
t.setTimeout(120_000)

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === '::1'))
const skip = hasIpv6 ? false : 'no ::1 here'
const dual = (port: number): ListenerEntry => ({ ...listener('::', port), v4v6: true }) as ListenerEntry
const refused = (t: Test, port: number, host: string) => connect(t, port, host).over

for (const mode of MODES) {
  t.test(`${mode}: TCP listeners`, async (t) => {
    t.test('[::] with v4v6 takes both families, and IPv4 is IPv4 in all that is told', { skip }, async (t) => {
      const b = bench(t, { mode })
      const port = await freePort('::')
      const server = await recorder(t, 'a')
      const servers = [entry(1, server.port, { sendProxy: 1 })]
      b.plane.publish(table(port, [], { listeners: [dual(port)], servers, rotation: [0], sessionLog: 'all' }))
      for (const [index, host] of ['127.0.0.1', '::1'].entries()) {
        const client = connect(t, port, host)
        await once(client.socket, 'data')
        const from = client.socket.localPort ?? 0
        const header = v1(host, host, from, port)
        t.equal((await server.hears(index, header.length)).toString(), header)
        client.socket.end()
        await client.over
        const shown = host === '::1' ? '[::1]' : host
        t.match(await b.record(), { client: `${shown}:${from}`, listener: `${shown}:${port}` })
      }
    })

    t.test('networks of IPv4 and IPv6 are told apart behind one socket', { skip }, async (t) => {
      const b = bench(t, { mode })
      const port = await freePort('::')
      const server = await recorder(t, 'a')
      b.plane.publish(table(port, [server.port], { listeners: [dual(port)], allow: ['127.0.0.0/8'] }))
      await once(connect(t, port, '127.0.0.1').socket, 'data')
      t.match(await connect(t, port, '::1').over, /ECONNRESET/)
      t.equal(b.counters().denied, 1)
    })

    t.test('[::] without v4v6 takes IPv6 alone, and stands beside 0.0.0.0 on the same port', { skip }, async (t) => {
      const b = bench(t, { mode })
      const port = await freePort('::')
      const server = await recorder(t, 'a')
      b.plane.publish(table(port, [server.port], { listeners: [listener('::', port)] }))
      t.equal(await refused(t, port, '127.0.0.1'), 'ECONNREFUSED')
      await once(connect(t, port, '::1').socket, 'data')
      b.plane.publish(table(port, [server.port], { listeners: [listener('::', port), listener('0.0.0.0', port)] }))
      for (const host of ['::1', '127.0.0.1']) await once(connect(t, port, host).socket, 'data')
    })

    t.test('v4v6 can be switched on and off while sessions go on', { skip }, async (t) => {
      const b = bench(t, { mode })
      const port = await freePort('::')
      const server = await recorder(t, 'a')
      b.plane.publish(table(port, [server.port], { listeners: [listener('::', port)] }))
      const old = connect(t, port, '::1')
      await once(old.socket, 'data')
      b.plane.publish(table(port, [server.port], { listeners: [dual(port)] }))
      await once(connect(t, port, '127.0.0.1').socket, 'data')
      b.plane.publish(table(port, [server.port], { listeners: [listener('::', port)] }))
      await b.sessions()
      t.equal(await refused(t, port, '127.0.0.1'), 'ECONNREFUSED')
      old.socket.end()
      t.equal(await old.over, 'end')
      t.equal(old.text(), 'abye')
    })

    t.test('who has the port in one of the families keeps it from a listener for both', { skip }, async (t) => {
      const b = bench(t, { mode })
      const port = await freePort('::')
      const server = await recorder(t, 'a')
      const squatter = net.createServer().listen(port, '0.0.0.0')
      await once(squatter, 'listening')
      const publish = () => b.plane.publish(table(port, [server.port], { listeners: [dual(port)] }))
      t.throws(publish, { code: 'EADDRINUSE', message: new RegExp(`\\[::\\]:${port}`) })
      squatter.close()
      await once(squatter, 'close')
      publish()
      t.throws(
        () => b.plane.publish({ ...table(port, [server.port], { listeners: [listener('0.0.0.0', port)] }), id: 2 }),
        { code: 'EADDRINUSE' },
        'another service of ours neither'
      )
    })

    t.test('an IPv6 address that this host does not have can be listened on', { skip }, async (t) => {
      const b = bench(t, { mode })
      const port = await freePort('::')
      b.plane.publish(table(port, [1], { listeners: [listener('2001:db8::77', port)] }))
      t.equal(b.counters().acceptPauses, 0)
    })

    t.test('an IPv6 listener before an IPv6 server', { skip }, async (t) => {
      const b = bench(t, { mode })
      const port = await freePort('::')
      const server = await recorder(t, 'six', '::1')
      const servers = [{ ...entry(1, server.port), address: '::1' }]
      b.plane.publish(table(port, [], { listeners: [listener('::1', port)], servers, rotation: [0] }))
      const client = connect(t, port, '::1')
      client.socket.end('hello')
      t.equal(await client.over, 'end')
      t.equal(client.text(), 'sixbye')
      t.equal(server.heard[0]?.bytes.toString(), 'hello')
    })

    t.test('a listener that is bound to an interface', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = await recorder(t, 'a')
      const on = (name: string): ListenerEntry => ({ ...listener('0.0.0.0', port), interface: name }) as ListenerEntry
      b.plane.publish(table(port, [server.port], { listeners: [on('lo')] }))
      await once(connect(t, port).socket, 'data')
      t.throws(() => b.plane.publish(table(port, [server.port], { listeners: [on('nope0')] })), {
        code: 'ENODEV',
        message: /nope0/
      })
      await once(connect(t, port).socket, 'data')
      b.plane.publish(table(port, [server.port], { listeners: [on('')] }))
      await once(connect(t, port).socket, 'data')
    })

    t.test(
      'a listener that is full accepts nobody until somebody leaves; another one of the service goes on',
      async (t) => {
        const b = bench(t, { mode })
        const port = await freePort()
        const free = await freePort()
        const server = await recorder(t, 'a')
        const listeners = [{ ...listener('127.0.0.1', port), maxconn: 1 }, listener('127.0.0.1', free)]
        b.plane.publish(table(port, [server.port], { listeners }))
        const first = connect(t, port)
        await once(first.socket, 'data')
        const second = connect(t, port)
        await once(second.socket, 'connect')
        await once(connect(t, free).socket, 'data')
        t.equal(second.text(), '')
        t.equal(b.counters().current, 2)
        first.socket.end()
        await once(second.socket, 'data')
        t.ok(b.counters().acceptPauses > 0)
      }
    )
  })

  t.test(`${mode}: unix sockets`, async (t) => {
    const place = (t: Test): string => {
      const folder = mkdtempSync(join(tmpdir(), 'vipd-unix-'))
      t.teardown(() => rmSync(folder, { recursive: true, force: true }))
      return join(folder, 'vipd.sock')
    }
    const unix = (
      path: string,
      more: { mode?: number; acceptProxy?: boolean; maxconn?: number } = {}
    ): ListenerEntry => ({
      kind: 'unix',
      path,
      mode: -1,
      acceptProxy: false,
      maxconn: 0,
      ...more
    })
    const unixTable = (path: string, port: number, more: Partial<ServiceTable> = {}) =>
      table(0, [port], { listeners: [unix(path)], ...more })

    t.test('clients are served, and are called unix', async (t) => {
      const b = bench(t, { mode })
      const path = place(t)
      const server = await recorder(t, 'a')
      const more: Partial<ServiceTable> = { sessionLog: 'all', sourceMaxconn: 1, deny: ['0.0.0.0/0', '::/0'] }
      b.plane.publish(unixTable(path, server.port, more))
      const clients = [connectUnix(t, path), connectUnix(t, path)]
      for (const client of clients) if (client.text() === '') await once(client.socket, 'data')
      for (const [index, client] of clients.entries()) {
        client.socket.end('hello')
        t.equal(await client.over, 'end')
        t.equal(client.text(), 'abye')
        t.match(await b.record(), { client: 'unix', listener: 'unix', termination: '--', bytesIn: 5 }, `${index}`)
      }
      t.same(
        server.heard.map((one) => one.bytes.toString()),
        ['hello', 'hello']
      )
      t.match(b.counters(), { denied: 0, sourceLimited: 0 })
    })

    t.test('megabytes go both ways', async (t) => {
      const b = bench(t, { mode })
      const path = place(t)
      const server = net.createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1')
      await once(server, 'listening')
      t.teardown(() => server.close())
      b.plane.publish(unixTable(path, (server.address() as net.AddressInfo).port))
      const bytes = Buffer.alloc(3_000_000)
      for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 131) >> 3
      const socket = net.connect({ path, allowHalfOpen: true })
      const parts: Buffer[] = []
      socket.on('data', (part) => parts.push(part))
      socket.end(bytes)
      await once(socket, 'end')
      t.ok(Buffer.concat(parts).equals(bytes))
      if (mode === 'splice') t.ok(b.plane.counters().bytesSpliced > bytes.length)
    })

    t.test('servers are told that nobody can be named; a PROXY header can name somebody', async (t) => {
      for (const [version, nobody] of [
        [1, Buffer.from('PROXY UNKNOWN\r\n')],
        [2, Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex')]
      ] as const) {
        const b = bench(t, { mode })
        const path = place(t)
        const server = await recorder(t, '')
        const servers = [entry(1, server.port, { sendProxy: version })]
        b.plane.publish(unixTable(path, 0, { servers }))
        connectUnix(t, path).socket.write('x')
        t.ok((await server.hears(0, nobody.length + 1)).equals(Buffer.concat([nobody, Buffer.from('x')])))
        b.plane.publish(
          unixTable(path, 0, {
            servers: [entry(1, server.port, { sendProxy: 1 })],
            listeners: [unix(path, { acceptProxy: true })]
          })
        )
        await b.sessions()
        const named = connectUnix(t, path)
        named.socket.write(v1())
        await until('it is told', () => server.heard.some((one) => one.bytes.toString().startsWith(v1())))
      }
    })

    t.test('its mode is as it was asked for, and can be changed while it is listened on', async (t) => {
      const b = bench(t, { mode })
      const path = place(t)
      const modeOf = () => statSync(path).mode & 0o777
      b.plane.publish(unixTable(path, 1, { listeners: [unix(path, { mode: 0o600 })] }))
      t.equal(modeOf(), 0o600)
      const { ino } = statSync(path)
      b.plane.publish(unixTable(path, 1, { listeners: [unix(path, { mode: 0o660 })] }))
      t.equal(modeOf(), 0o660)
      b.plane.publish(unixTable(path, 1, { listeners: [unix(path)] }))
      t.equal(modeOf(), 0o660)
      t.equal(statSync(path).ino, ino, 'it is the same socket')
    })

    t.test('what a dead process left is replaced; a living one is respected', async (t) => {
      const b = bench(t, { mode })
      const path = place(t)
      const server = await recorder(t, 'a')
      const { child } = await python(
        t,
        `
import socket, time
s = socket.socket(socket.AF_UNIX); s.bind(${JSON.stringify(path)}); s.listen(1)
print('there', flush=True)
time.sleep(60)
`
      )
      const publish = () => b.plane.publish(unixTable(path, server.port))
      t.throws(publish, { code: 'EADDRINUSE', message: new RegExp(`unix@${path}`) })
      child.kill('SIGKILL')
      await once(child, 'exit')
      t.ok(existsSync(path))
      publish()
      await once(connectUnix(t, path).socket, 'data')
      const other = bench(t, { mode })
      t.throws(() => other.plane.publish(unixTable(path, server.port)), { code: 'EADDRINUSE' })
      t.throws(() => b.plane.publish({ ...unixTable(path, server.port), id: 2 }), { code: 'EADDRINUSE' })
      await once(connectUnix(t, path).socket, 'data')
    })

    t.test('what is no socket stays as it is; a place that cannot be is told', async (t) => {
      const b = bench(t, { mode })
      const path = place(t)
      writeFileSync(path, 'precious')
      t.throws(() => b.plane.publish(unixTable(path, 1)), { code: 'ENOTSOCK' })
      t.equal(readFileSync(path, 'utf8'), 'precious')
      t.throws(() => b.plane.publish(unixTable(join(path, 'x'), 1)), { code: 'ENOTDIR' })
      t.throws(() => b.plane.publish(unixTable(`${path}-none/x`, 1)), { code: 'ENOENT' })
      t.throws(() => b.plane.publish(unixTable(`/tmp/${'x'.repeat(120)}`, 1)), { code: 'ENAMETOOLONG' })
    })

    t.test(
      'its name goes when it is withdrawn, when a publication fails and when all ends, unless it is another one’s by then',
      async (t) => {
        const b = bench(t, { mode })
        const path = place(t)
        b.plane.publish(unixTable(path, 1))
        b.plane.withdraw(1, false)
        await until('it is gone', () => !existsSync(path))
        const taken = net.createServer().listen(0, '127.0.0.1')
        await once(taken, 'listening')
        t.teardown(() => taken.close())
        const { port } = taken.address() as net.AddressInfo
        const both = [unix(path), listener('127.0.0.1', port)]
        t.throws(() => b.plane.publish(unixTable(path, 1, { listeners: both })), { code: 'EADDRINUSE' })
        t.notOk(existsSync(path))
        b.plane.publish(unixTable(path, 1))
        rmSync(path)
        writeFileSync(path, 'another one’s')
        b.plane.withdraw(1, false)
        await until('the service is gone', () => b.plane.counters().services.length === 0)
        b.plane.stop()
        t.equal(readFileSync(path, 'utf8'), 'another one’s')
        rmSync(path)
        const last = bench(t, { mode })
        last.plane.publish(unixTable(path, 1))
        t.ok(existsSync(path))
        last.plane.stop()
        t.notOk(existsSync(path))
      }
    )

    t.test('withdrawn and published again it is there', async (t) => {
      const b = bench(t, { mode })
      const path = place(t)
      const server = await recorder(t, 'a')
      for (let i = 0; i < 20; i++) {
        b.plane.publish(unixTable(path, server.port))
        b.plane.withdraw(1, false)
      }
      b.plane.publish(unixTable(path, server.port))
      await b.sessions()
      await once(connectUnix(t, path).socket, 'data')
      t.ok(statSync(path).isSocket())
    })

    t.test('full, it accepts nobody until somebody leaves', async (t) => {
      const b = bench(t, { mode })
      const path = place(t)
      const server = await recorder(t, 'a')
      b.plane.publish(unixTable(path, server.port, { listeners: [unix(path, { maxconn: 1 })] }))
      const first = connectUnix(t, path)
      await once(first.socket, 'data')
      const second = connectUnix(t, path)
      await until('accepting pauses', () => b.counters().acceptPauses > 0)
      t.equal(second.text(), '')
      t.equal(b.counters().current, 1)
      first.socket.end()
      await once(second.socket, 'data')
    })

    t.test('a client that vanishes does not hold its session', async (t) => {
      const b = bench(t, { mode })
      const path = place(t)
      const server = await recorder(t, 'a')
      b.plane.publish(unixTable(path, server.port, { listeners: [unix(path, { acceptProxy: true })] }))
      const early = connectUnix(t, path)
      early.socket.write('PROXY TC')
      await until('it is there', () => b.counters().total === 1)
      early.socket.destroy()
      await until('it is gone', () => b.counters().current === 0)
      t.equal(server.heard.length, 0)
    })
  })

  t.test(`${mode}: inherited sockets`, async (t) => {
    for (const family of ['127.0.0.1', '::1', 'unix'] as const) {
      t.test(`${family}: served by all threads, never closed`, { skip: family === '::1' ? skip : false }, async (t) => {
        const server = await recorder(t, 'a')
        const folder = mkdtempSync(join(tmpdir(), 'vipd-fd-'))
        t.teardown(() => rmSync(folder, { recursive: true, force: true }))
        const path = join(folder, 'fd.sock')
        const port = await freePort()
        const to = () => (family === 'unix' ? connectUnix(t, path) : connect(t, port, family))
        const child = inherit(t, mode, server.port, family === 'unix' ? { path } : { host: family, port })
        t.equal(await child.line(), 'ready')
        const clients = Array.from({ length: 20 }, to)
        for (const client of clients) {
          if (client.text() === '') await once(client.socket, 'data')
          client.socket.end()
          t.equal(await client.over, 'end')
        }
        const counters = (await child.ask('counters')) as ServiceCounters
        t.match(counters, { total: 20, acceptPauses: 0 })
        const shown = { '127.0.0.1': /^127\.0\.0\.1:\d+$/, '::1': /^\[::1\]:\d+$/, unix: 'unix' }[family]
        t.match(await child.ask('records'), [{ client: shown }])

        await child.ask('withdraw')
        await child.turned()
        t.equal(await child.ask('fd'), true)
        const waiting = to()
        await once(waiting.socket, 'connect')
        t.equal(waiting.text(), '')
        await child.ask('again')
        if (waiting.text() === '') await once(waiting.socket, 'data')
        await child.ask(`other ${await freePort()}`)
        await child.turned()
        t.equal(await child.ask('fd'), true)
        await once(to().socket, 'connect')
        if (family === 'unix') t.ok(existsSync(path), 'its name is not ours to remove')
      })
    }

    t.test('what is no listening socket for streams is refused by name', async (t) => {
      const b = bench(t, { mode })
      const publish = (fd: number) => () =>
        b.plane.publish(table(0, [1], { listeners: [{ kind: 'fd', fd, acceptProxy: false, maxconn: 0 }] }))
      t.throws(publish(9999), { code: 'EBADF', message: /fd@9999/ })
      t.throws(publish(openSync('/dev/null', 'r')), { code: 'ENOTSOCK' })
      const server = net.createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
      await once(socket, 'connect')
      t.throws(publish(descriptorOf(socket)), { code: 'EINVAL' }, 'a connection')
      const udp = dgram.createSocket('udp4').bind(0, '127.0.0.1')
      await once(udp, 'listening')
      t.throws(publish(descriptorOf(udp)), { code: 'EINVAL' }, 'datagrams')
      t.equal(b.plane.counters().services.length, 0)
      socket.destroy()
      server.close()
      udp.close()
    })
  })
}

function connectUnix(t: Test, path: string): Client {
  const socket = net.connect({ path, allowHalfOpen: true })
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  const over = new Promise<string>((resolve) => {
    socket.on('end', () => resolve('end'))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
  t.teardown(() => socket.destroy())
  return { socket, over, text: () => text }
}

/** The number that Node keeps to itself. */
function descriptorOf(socket: net.Socket | dgram.Socket): number {
  const { _handle, ...rest } = socket as unknown as { _handle?: { fd: number } }
  const symbol = Object.getOwnPropertySymbols(rest).find((one) => String(one) === 'Symbol(state symbol)')
  const state = symbol === undefined ? undefined : (rest as Record<symbol, { handle: { fd: number } }>)[symbol]
  return _handle?.fd ?? state?.handle.fd ?? -1
}

interface Inheritor {
  line(): Promise<string>
  ask(question: string): Promise<unknown>
  /** When each worker has gone round: it knows what was published before. */
  turned(): Promise<void>
}

/** A process that is given a listening socket as systemd gives it: as descriptor 3, before it is this program. */
function inherit(
  t: Test,
  mode: Mode,
  server: number,
  where: { host: string; port: number } | { path: string }
): Inheritor {
  const script = fileURLToPath(new URL('inherited.js', import.meta.url))
  const argv = [process.execPath, script, mode, String(server)]
  const bind =
    'path' in where
      ? `s = socket.socket(socket.AF_UNIX); s.bind(${JSON.stringify(where.path)})`
      : `s = socket.socket(${where.host.includes(':') ? 'socket.AF_INET6' : 'socket.AF_INET'}); s.bind((${JSON.stringify(where.host)}, ${where.port}))`
  const program = `import os, socket
${bind}
s.listen(64)
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.execv(${JSON.stringify(process.execPath)}, ${JSON.stringify(argv)})`
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn('python3', ['-c', program], {
    stdio: ['pipe', 'pipe', 'inherit']
  })
  t.teardown(() => child.kill('SIGKILL'))
  let text = ''
  child.stdout.on('data', (part) => {
    text += part
  })
  const line = async (): Promise<string> => {
    await until('a line', () => text.includes('\n'))
    const [first = '', ...rest] = text.split('\n')
    text = rest.join('\n')
    return first
  }
  const ask = async (question: string): Promise<unknown> => {
    child.stdin.write(`${question}\n`)
    return JSON.parse(await line())
  }
  const turned = async (): Promise<void> => {
    const before = (await ask('turns')) as number[]
    for (;;) {
      const now = (await ask('turns')) as number[]
      if (now.every((count, worker) => count > (before[worker] ?? 0) + 1)) return
    }
  }
  return { line, ask, turned }
}
