import { spawn } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.js'
import type { SyslogEntry } from '../../../src/base/syslog-message.js'
import { addon } from '../../../src/os/addon.js'
import { Syslog, type SyslogPorts, type SyslogSettings, type SyslogStatus } from '../../../src/os/syslog.js'
import { errno } from '../../fakes/fake-plane.js'
import { ManualClock } from '../../fakes/manual-clock.js'

const say = (message: string, facts: Record<string, unknown> = {}): SyslogEntry => ({
  at: new Date(2026, 0, 2, 3, 4, 5),
  severity: 4,
  message,
  facts,
  line: null
})

function make(t: Test, target: SyslogSettings['target'], overrides: Partial<SyslogPorts & SyslogSettings> = {}) {
  const troubles: SyslogStatus[] = []
  const { clock = systemClock, addon: native = addon(), ...settings } = overrides
  const ports = {
    clock,
    addon: native,
    hostname: 'master01',
    pid: 7,
    onTrouble: (one: SyslogStatus) => troubles.push(one)
  }
  const base = { target, facility: 16, level: 4, format: 'rfc3164', tag: 'vipd' } as const
  const syslog = new Syslog({ ...base, ...settings }, ports)
  t.teardown(() => syslog.close())
  return { syslog, troubles }
}

async function udpReceiver(t: Test, host = '127.0.0.1', port = 0) {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  const got: string[] = []
  socket.on('message', (message) => got.push(message.toString('utf8')))
  await new Promise<void>((resolve) => socket.bind(port, host, resolve))
  const close = (): Promise<void> => new Promise((resolve) => socket.close(() => resolve()))
  t.teardown(() => close().catch(() => undefined))
  return { port: socket.address().port, got, close, socket }
}

/** The next so many datagrams. */
async function next(socket: Socket, got: readonly string[], count: number): Promise<void> {
  while (got.length < count) await once(socket, 'message')
}

/** Until it is so. What is waited for has no event of its own. */
async function until(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !isSo(); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  if (!isSo()) throw new Error('it never came to be')
}

t.test('a UDP receiver gets every message, in order, by IPv4 and IPv6', async (t) => {
  for (const [host, family] of [
    ['127.0.0.1', 4],
    ['::1', 6]
  ] as const) {
    const { port, got, socket } = await udpReceiver(t, host)
    const { syslog, troubles } = make(t, { kind: 'udp', host, family, port })
    for (let i = 0; i < 150; i++) syslog.write(say(`message ${i}`, { server: 'a' }))
    await next(socket, got, 150)
    t.equal(got[0], '<132>Jan  2 03:04:05 master01 vipd[7]: message 0 server=a')
    t.match(got.at(-1), /message 149 server=a$/)
    t.strictSame(syslog.status, {
      target: family === 6 ? `[::1]:${port}` : `127.0.0.1:${port}`,
      sent: 150,
      waiting: 0,
      dropped: 0,
      error: null
    })
    t.strictSame(troubles, [])
  }
})

t.test('nobody listens: counted, told once, and used again when somebody does', async (t) => {
  const first = await udpReceiver(t)
  await first.close()
  const { syslog, troubles } = make(t, { kind: 'udp', host: '127.0.0.1', family: 4, port: first.port })
  for (let i = 0; i < 5; i++) {
    syslog.write(say('lost'))
    await until(() => syslog.status.dropped > i)
  }
  t.match(troubles, [{ target: `127.0.0.1:${first.port}`, dropped: 1, error: 'ECONNREFUSED' }])
  t.equal(syslog.status.sent, 0)
  const second = await udpReceiver(t, '127.0.0.1', first.port)
  syslog.write(say('here again'))
  await next(second.socket, second.got, 1)
  t.match(second.got, [/here again$/])
  await until(() => syslog.status.sent === 1)
  t.equal(syslog.status.error, null)
})

t.test('a socket that breaks is opened anew a second later, and what waits is kept', async (t) => {
  const clock = new ManualClock()
  // Nothing may be sent to a broadcast address without SO_BROADCAST: EACCES at connect.
  const { syslog, troubles } = make(t, { kind: 'udp', host: '255.255.255.255', family: 4, port: 514 }, { clock })
  syslog.write(say('one'))
  await until(() => syslog.status.error !== null)
  t.match(troubles, [{ waiting: 1, dropped: 0, error: /^E/ }])
  t.equal(clock.pending, 1)
  for (let i = 0; i < 3; i++) {
    await clock.advance(1000)
    await until(() => clock.pending === 1)
  }
  t.match(syslog.status, { sent: 0, waiting: 1, dropped: 0 })
  t.equal(troubles.length, 1)
})

/** A unix datagram socket, which Node has not: python prints each datagram as a JSON string. */
async function unixReceiver(t: Test, path: string) {
  const program = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1])
print('"ready"', flush=True)
while True: print(json.dumps(s.recv(65536).decode('utf8')), flush=True)
`
  const child = spawn('python3', ['-c', program, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const lines: AsyncIterator<string> = createInterface(child.stdout)[Symbol.asyncIterator]()
  const read = async (): Promise<unknown> => JSON.parse((await lines.next()).value ?? 'null')
  t.equal(await read(), 'ready')
  return { read, child }
}

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'vipd-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

t.test('a unix socket gets what /dev/log gets of logger: no host name', async (t) => {
  const path = join(folderOf(t), 'log')
  const { read } = await unixReceiver(t, path)
  const { syslog } = make(t, { kind: 'unix', path })
  syslog.write(say('state changed', { to: 'MASTER' }))
  t.equal(await read(), '<132>Jan  2 03:04:05 vipd[7]: state changed to=MASTER')
  const modern = make(t, { kind: 'unix', path }, { format: 'rfc5424' })
  modern.syslog.write(say('größe'))
  t.match(await read(), /^<132>1 2026-01-02T\S+Z master01 vipd 7 - - \ufeffgröße$/)
  t.match(syslog.status, { target: path, sent: 1, waiting: 0, dropped: 0, error: null })
})

t.test('a burst that the reader cannot take at once arrives all the same', async (t) => {
  const path = join(folderOf(t), 'log')
  const { read, child } = await unixReceiver(t, path)
  child.kill('SIGSTOP')
  const { syslog, troubles } = make(t, { kind: 'unix', path })
  for (let i = 0; i < 1000; i++) syslog.write(say(`message ${i}`))
  t.ok(syslog.status.waiting > 0, 'net.unix.max_dgram_qlen is less than a thousand')
  t.strictSame(troubles, [], 'it is only behind')
  child.kill('SIGCONT')
  for (let i = 0; i < 1000; i++) t.match(await read(), new RegExp(`message ${i}$`))
  await until(() => syslog.status.waiting === 0)
  t.match(syslog.status, { sent: 1000, dropped: 0 })
})

t.test('a reader that restarts gets what was said meanwhile', async (t) => {
  const path = join(folderOf(t), 'log')
  const clock = new ManualClock()
  const { syslog, troubles } = make(t, { kind: 'unix', path }, { clock })
  syslog.write(say('one'))
  syslog.write(say('two'))
  t.match(syslog.status, { sent: 0, waiting: 2, dropped: 0, error: 'ENOENT' })
  t.equal(troubles.length, 1)
  const { read } = await unixReceiver(t, path)
  t.ok(existsSync(path))
  await clock.advance(1000)
  t.match([await read(), await read()], [/one$/, /two$/])
  t.match(syslog.status, { sent: 2, waiting: 0, dropped: 0, error: null })
})

t.test('of too many that wait the oldest go; told once a minute', async (t) => {
  const clock = new ManualClock()
  let refusal: string | undefined = 'ENOENT'
  const sent: string[] = []
  const native = {
    unixDgramSend: (_: string, payload: Buffer) => {
      if (refusal !== undefined) throw errno(refusal)
      sent.push(payload.toString())
    }
  }
  const { syslog, troubles } = make(t, { kind: 'unix', path: '/dev/log' }, { clock, addon: native })
  for (let i = 0; i < 1030; i++) syslog.write(say(`message ${i}`))
  t.match(syslog.status, { sent: 0, waiting: 1024, dropped: 6, error: 'ENOENT' })
  t.equal(troubles.length, 1)
  await clock.advance(61_000)
  t.equal(troubles.length, 2, 'tried again each second, told again after a minute')
  refusal = 'EAGAIN'
  await clock.advance(1000)
  t.equal(clock.pending, 1)
  refusal = undefined
  await clock.advance(20)
  t.equal(sent.length, 1024)
  t.match(sent[0], /message 6$/)
  t.match(sent.at(-1), /message 1029$/)
  t.match(syslog.status, { sent: 1024, waiting: 0, dropped: 6, error: null })
  t.equal(clock.pending, 0)
})

t.test('a closed target takes nothing, and what waited counts as dropped', async (t) => {
  const clock = new ManualClock()
  const native = {
    unixDgramSend: () => {
      throw errno('ECONNREFUSED')
    }
  }
  const { syslog } = make(t, { kind: 'unix', path: '/dev/log' }, { clock, addon: native })
  syslog.write(say('one'))
  syslog.close()
  syslog.write(say('two'))
  t.match(syslog.status, { sent: 0, waiting: 0, dropped: 1 })
  t.equal(clock.pending, 0)
})

t.test('an open target keeps no process alive', async (t) => {
  const script = `
    const { Syslog } = await import(process.argv[1] + '/os/syslog.js')
    const { systemClock } = await import(process.argv[1] + '/base/clock.js')
    const target = { kind: 'udp', host: '127.0.0.1', family: 4, port: 9 }
    const syslog = new Syslog({ target, facility: 1, level: 7, format: 'rfc3164', tag: 'x' },
      { addon: {}, clock: systemClock, hostname: 'h', pid: 1, onTrouble: () => undefined })
    syslog.write({ at: new Date(), severity: 1, message: 'x', facts: {}, line: null })
  `
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', script, new URL('../../../src', import.meta.url).pathname],
    { stdio: 'inherit', timeout: 10_000 }
  )
  t.strictSame(await once(child, 'close'), [0, null])
})
