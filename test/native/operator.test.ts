import { spawn } from 'node:child_process'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { getEvents, getSessions, getStatus, postKill, postServer } from '../../src/admin/client.js'

/** A real daemon on loopback, by no more rights than any program has: what its operator asks, and what its log tells. */

process.env['TZ'] = 'UTC'
const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const A1 = { service: 'api', server: 'a1' }

/** Until it is so; what is waited for has no event. */
async function until<T>(ask: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (let i = 0; i < 1500; i++) {
    const found = await ask()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('it never came to be')
}

/** Echoes, and names itself first. */
async function echo(t: Test, name: string, port = 0): Promise<{ server: Server; port: number; close: () => void }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    socket.write(name)
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const close = (): void => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  t.teardown(close)
  return { server, port: portOf(server), close }
}

function portOf(server: Server): number {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('it does not listen')
  return address.port
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const port = portOf(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function syslogServer(t: Test) {
  const socket: UdpSocket = createSocket('udp4')
  const got: string[] = []
  socket.on('message', (message) => got.push(message.toString('utf8')))
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  t.teardown(() => socket.close())
  const said = (words: RegExp): Promise<string> => until(() => got.find((line) => words.test(line)))
  return { port: socket.address().port, got, said }
}

/** Ports of a service, its servers, and who takes the log. */
interface Ports {
  readonly service: number
  readonly a1: number
  readonly a2: number
  readonly warnings: number
  readonly all: number
}

/** Its log as the seed has it (local0, warning), and a second target that takes all. */
const TWO_TARGETS = ({ service, a1, a2, warnings, all }: Ports): string => `
log:
  syslog:
    - { address: 127.0.0.1:${warnings}, facility: local0, level: warning, tag: haproxy }
    - { address: 127.0.0.1:${all}, facility: local1, level: info, format: rfc5424 }
proxy:
  - name: api
    bind: [ 127.0.0.1:${service} ]
    maxconn: 100
    session_log: all
    log_format: tcplog
    default_server: { check: { type: tcp, inter: 100ms, rise: 1, fall: 1 } }
    servers:
      - { name: a1, address: 127.0.0.1:${a1} }
      - { name: a2, address: 127.0.0.1:${a2} }
`

/** haproxy's file with the seed's log line. */
const SEED = ({ service, a1, a2, warnings }: Ports): string => `
global
    log 127.0.0.1:${warnings} local0 warning
    maxconn 100
defaults
    log global
    mode tcp
    retries 3
    option redispatch
listen api
    bind 127.0.0.1:${service}
    balance roundrobin
    timeout server 900s
    timeout connect 15s
    server a1 127.0.0.1:${a1} check inter 100 rise 1 fall 1
    server a2 127.0.0.1:${a2} check inter 100 rise 1 fall 1
`

/** The program with two servers. */
async function start(t: Test, write: (ports: Ports, folder: string) => string | Promise<string>) {
  const folder = mkdtempSync(join(tmpdir(), 'vipd-'))
  const [a1, a2, port] = [await echo(t, 'a1'), await echo(t, 'a2'), await freePort()]
  const [warnings, all] = [await syslogServer(t), await syslogServer(t)]
  const socket = join(folder, 'vipd.sock')
  const file = join(folder, 'vipd.yaml')
  const ports = { service: port, a1: a1.port, a2: a2.port, warnings: warnings.port, all: all.port }
  writeFileSync(file, `admin: { socket: ${socket} }\nnbthread: 2\n${await write(ports, folder)}`)
  const child = spawn(process.execPath, [main, 'run', '-c', file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: Record<string, unknown>[] = []
  let rest = ''
  child.stdout.on('data', (chunk: Buffer) => {
    const parts = `${rest}${chunk}`.split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) lines.push(JSON.parse(part))
  })
  const ended = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  const serverOf = async (name: string) => {
    const { proxy } = await getStatus(socket)
    return proxy[0]?.servers.find((one) => one.name === name)
  }
  const is = (name: string, status: string) =>
    until(async () => ((await serverOf(name).catch(() => undefined))?.status === status ? true : undefined))
  await Promise.all([is('a1', 'UP'), is('a2', 'UP')])
  return { a1, a2, port, socket, child, ended, lines, warnings, all, serverOf, is }
}

/** A client, once its server has named itself. */
async function client(t: Test, port: number): Promise<{ socket: Socket; server: string; ended: Promise<void> }> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  const [name] = await once(socket, 'data')
  socket.resume()
  const ended = new Promise<void>((resolve) => socket.once('end', resolve).once('error', () => resolve()))
  return { socket, server: String(name), ended }
}

const vipd = async (...words: string[]): Promise<{ code: number | null; out: string }> => {
  const child = spawn(process.execPath, [main, ...words], { stdio: ['ignore', 'pipe', 'ignore'], timeout: 20_000 })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk
  })
  const [code] = await once(child, 'close')
  return { code, out }
}

t.test('a daemon and its operator', { timeout: 100_000 }, async (t) => {
  const { a1, port, socket, child, ended, lines, warnings, all, serverOf, is } = await start(t, TWO_TARGETS)
  const record = (id: string) => until(() => lines.find((line) => line['session'] === id))

  t.test('sessions are listed with both ends, and one is ended by its id', async (t) => {
    const clients = [await client(t, port), await client(t, port)]
    const { sessions, total } = await getSessions(socket, { service: 'api', server: null, limit: 10 })
    t.equal(total, 2)
    t.strictSame(
      sessions.map(({ client }) => client),
      clients.map((one) => `127.0.0.1:${one.socket.localPort}`),
      'the oldest first'
    )
    t.match(sessions[0], {
      state: 'established',
      service: 'api',
      server: clients[0]?.server,
      listener: `127.0.0.1:${port}`
    })
    const id = sessions[0]?.id ?? ''
    t.strictSame(await postKill(socket, { ids: [id, '0xffffffff'] }), { ended: 1, unknown: ['0xffffffff'] })
    await clients[0]?.ended
    t.match(await record(id), { msg: 'session ended', level: 'info', scope: 'session', termination: /^K/ })
    t.equal((await getSessions(socket, { service: null, server: null, limit: 10 })).total, 1)
  })

  t.test("a session that ends by itself is a record on stdout and haproxy's line in syslog, at info", async (t) => {
    const one = await client(t, port)
    const local = one.socket.localPort
    one.socket.end('hello')
    await one.ended
    const line = await all.said(new RegExp(`127\\.0\\.0\\.1:${local} `))
    t.match(
      line,
      new RegExp(
        `^<142>1 \\S+ \\S+ vipd ${child.pid} session - 127\\.0\\.0\\.1:${local} ` +
          `\\[\\d\\d/\\w{3}/\\d{4}:\\d\\d:\\d\\d:\\d\\d\\.\\d{3}\\] api api/${one.server} \\d+/\\d+/\\d+ 7 -- \\d+/\\d+/\\d+/\\d+/0 0/0$`
      )
    )
    const found = await until(() => lines.find((line) => line['client'] === `127.0.0.1:${local}`))
    t.match(found, {
      service: 'api',
      server: one.server,
      termination: '--',
      bytes_in: 5,
      bytes_out: 7,
      redispatched: false
    })
    t.notOk(warnings.got.some((line) => line.includes(`:${local}`)))
  })

  t.test('a drain is waited for, and ends when its last session does', async (t) => {
    const clients = [await client(t, port), await client(t, port), await client(t, port)]
    const before = await serverOf('a1')
    t.ok((before?.sessions.current ?? 0) > 0)
    const waiting = vipd('server', 'api/a1', 'drain', '--wait', '--timeout', '20s', '--socket', socket)
    await is('a1', 'DRAIN')
    t.equal((await client(t, port)).server, 'a2')
    const ending = await postKill(socket, A1)
    t.equal(ending.ended, before?.sessions.current)
    const { code, out } = await waiting
    t.equal(code, 0)
    t.match(out, /^api\/a1: DRAIN, drains by order.*session/)
    t.match(out, /\n0 sessions left\n$/)
    t.match(await postServer(socket, A1, { kind: 'state', state: 'ready' }), { status: 'UP' })
    for (const one of clients) one.socket.destroy()
    await warnings.said(/server drains .*server=a1/)
    t.match(
      (await getEvents(socket, 0)).map(({ event }) => event).filter((event) => /order|ended|drains/.test(event)),
      ['sessions ended', 'server drains', 'server order', 'sessions ended', 'server order']
    )
  })

  t.test('a server that dies and comes back is told at level warning, both as loud', async (t) => {
    a1.close()
    t.match(
      await warnings.said(/server is DOWN .*server=a1/),
      new RegExp(
        `^<129>\\w{3} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d \\S+ haproxy\\[${child.pid}\\]: server is DOWN service=api server=a1 `
      )
    )
    warnings.got.length = 0
    await echo(t, 'a1', a1.port)
    t.match(await warnings.said(/server is UP .*server=a1/), /^<129>/)
    const { log } = await getStatus(socket)
    t.match(log, { sessions_dropped: 0, lines_dropped: 0, syslog: [{ dropped: 0, error: null }, { dropped: 0 }] })
    t.ok(log.sessions > 2)
  })

  t.test('it stops, and the last sessions are told', async (t) => {
    const last = await client(t, port)
    const local = last.socket.localPort
    child.kill('SIGTERM')
    await until(() => lines.find(({ msg }) => msg === 'vipd stops'))
    last.socket.end()
    await last.ended
    t.strictSame(await ended, [0, null])
    t.ok(lines.some((line) => line['client'] === `127.0.0.1:${local}`))
    const told = lines.find(({ msg }) => msg === 'vipd stops')
    t.match(told, { reason: 'SIGTERM', at_most_ms: Number })
    t.ok(Number(told?.['sessions']) >= 1, 'how many are waited for')
  })
})

t.test('the log line of the seed is carried over: a server that dies and comes back is told there', async (t) => {
  const { a1, child, ended, warnings } = await start(t, async (ports, folder) => {
    const old = join(folder, 'haproxy.cfg')
    writeFileSync(old, SEED(ports))
    return (await vipd('import', '--haproxy', old)).out
  })
  a1.close()
  t.match(await warnings.said(/server is DOWN .*server=a1/), new RegExp(`^<129>.* vipd\\[${child.pid}\\]: `))
  warnings.got.length = 0
  await echo(t, 'a1', a1.port)
  await warnings.said(/server is UP .*server=a1/)
  child.kill('SIGTERM')
  t.strictSame(await ended, [0, null])
})
