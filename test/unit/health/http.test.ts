import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { HttpCheck } from '../../../src/config/check-schema.js'
import type { CheckResult } from '../../../src/health/checker.js'
import { lostAnswer, timeoutAnswer } from '../../../src/health/http-failure.js'
import { LOOK_AGAIN_MS } from '../../../src/health/watched-file.js'
import { answering, asking, closedPort, httpCheck, reply, scripted, until } from './http-fixtures.js'

/** One check of a server that answers by this text, and then says nothing more. */
async function one(t: Test, answer: string | Buffer, check: Partial<HttpCheck> = {}): Promise<CheckResult> {
  const { port } = await scripted(
    t,
    answering(() => answer)
  )
  return await asking(t, port, check).ask()
}

t.test('statuses', async (t) => {
  const ready = { isOk: true, code: 'L7OK' }
  const alive = { isOk: false, isAlive: true, code: 'L7STS' }
  t.match(await one(t, reply('200 OK', 'ok')), { ...ready, detail: '200 OK' })
  t.match(await one(t, reply('204 No Content')), { ...alive, detail: '204 No Content' })
  t.match(await one(t, 'HTTP/1.1 204 No Content\r\n\r\n', { statuses: [[200, 299]] }), ready)
  t.match(await one(t, reply('302 Found', '', 'Location: /x\r\n')), { ...alive, detail: '302 Found' })
  t.match(
    await one(t, reply('302 Found'), {
      statuses: [
        [200, 200],
        [300, 399]
      ]
    }),
    ready
  )
  t.match(await one(t, reply('404 Not Found', 'page')), { ...alive, detail: '404 Not Found: it has no /readyz' })
  t.match(await one(t, `HTTP/1.1 100 Continue\r\n\r\n${reply('200 OK')}`), ready)
  t.match(await one(t, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'), ready)
  t.match(await one(t, reply('503 Service Unavailable', 'busy\r\n')), {
    ...alive,
    detail: '503 Service Unavailable: busy'
  })
  const tls = reply('400 Bad Request', 'Client sent an HTTP request to an HTTPS server.\n')
  t.match(await one(t, tls), { ...alive, detail: /type https/ })
})

t.test('a kube-apiserver that is not ready says why; one that was told to stop is leaving', async (t) => {
  const body = '[+]ping ok\n[-]etcd failed: reason withheld\n[+]log ok\nreadyz check failed\n'
  const failed = await one(t, reply('500 Internal Server Error', body))
  t.match(failed, { isAlive: true, detail: '500 Internal Server Error: [-]etcd failed: reason withheld' })
  t.notOk(failed.isLeaving)
  const leaving = await one(t, reply('500 Internal Server Error', body.replace('etcd', 'shutdown')))
  t.match(leaving, { isOk: false, isAlive: true, isLeaving: true, code: 'L7STS' })
})

t.test('401 and 403: alive, readiness unknown, with the mend', async (t) => {
  const unsure = { isOk: false, isAlive: true, isUnsure: true, code: 'L7STS' }
  const folder = mkdtempSync(join(tmpdir(), 'vipd-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const tokenFile = join(folder, 'token')
  writeFileSync(tokenFile, 'secret\n')
  t.match(await one(t, reply('401 Unauthorized')), {
    ...unsure,
    detail: /client certificate.*token_file.*anonymous \/readyz/
  })
  t.match(await one(t, reply('403 Forbidden')), { ...unsure, detail: /client certificate/ })
  t.match(await one(t, reply('401 Unauthorized'), { tokenFile }), {
    ...unsure,
    detail: /does not accept .*token.*expired/
  })
  t.match(await one(t, reply('403 Forbidden'), { tokenFile }), { ...unsure, detail: /may not read \/readyz/ })
  t.match(await one(t, reply('401 Unauthorized'), { statuses: [[401, 401]] }), { isOk: true }, 'unless it is expected')
})

t.test('what the answer must contain', async (t) => {
  const text = reply('200 OK', 'first\nstate: good\nlast')
  t.match(await one(t, text, { body: 'state: good' }), { isOk: true, code: 'L7OK' })
  t.match(await one(t, text, { body: 'bad' }), { isOk: false, isAlive: true, code: 'L7RSP', detail: /has not: bad/ })
  t.match(await one(t, text, { bodyRegex: '^state: g' }), { isOk: true })
  t.match(await one(t, text, { bodyRegex: '^good' }), { isOk: false, isAlive: true, code: 'L7RSP' })
  t.match(await one(t, reply('500 No', 'state: good'), { body: 'state: good' }), { isOk: false, code: 'L7STS' })
  const late = reply('200 OK', `${'x'.repeat(65_536)}state: good`)
  t.match(await one(t, late, { body: 'state: good' }), { isOk: false, code: 'L7RSP' }, 'beyond the first 64 KiB')
})

t.test('a pattern that never ends says nothing of the server', async (t) => {
  const result = await one(t, reply('200 OK', `${'a'.repeat(60_000)}b`), { bodyRegex: '(a+)+$' })
  t.match(result, { isOk: false, code: 'SOCKERR', detail: /body_regex takes too long/ })
})

t.test('what is asked', async (t) => {
  const server = await scripted(
    t,
    answering(() => reply('200 OK'))
  )
  await asking(t, server.port).ask()
  t.equal(
    server.heard,
    `GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nUser-Agent: vipd\r\nAccept: */*\r\n\r\n`
  )
  server.heard = ''
  await asking(
    t,
    server.port,
    { method: 'OPTIONS', uri: '/a b?x=\u010d\u010a', hostHeader: 'k8s\u010d\u010a' },
    true
  ).ask()
  const [proxy, line, host, ...rest] = server.heard.split('\r\n')
  t.equal(proxy, 'PROXY UNKNOWN')
  t.equal(line, 'OPTIONS /a%20b?x=%c4%8d%c4%8a HTTP/1.1')
  t.equal(host, `Host: ${Buffer.from('k8s\u010d\u010a').toString('latin1')}`, 'no line end comes of other letters')
  t.equal(rest.length, 4)
  server.heard = ''
  const head = asking(t, server.port, { method: 'HEAD' })
  t.match(await head.ask(), { isOk: true })
  t.match(server.heard, /^HEAD \/readyz HTTP/)
})

t.test('IPv6', async (t) => {
  const server = createServer(answering(() => reply('200 OK')))
  await new Promise<void>((resolve) => server.listen(0, '::1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  t.match(await asking(t, port, {}, false, '::1').ask(), { isOk: true })
})

t.test('HEAD: a length without a body', async (t) => {
  const server = await scripted(
    t,
    answering(() => 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n')
  )
  const { ask } = asking(t, server.port, { method: 'HEAD' })
  for (let i = 0; i < 3; i++) t.match(await ask(), { isOk: true })
  t.equal(server.connections, 1)
})

t.test('20 checks over one connection', async (t) => {
  const server = await scripted(
    t,
    answering(() => reply('200 OK', 'ok'))
  )
  const { ask, clock } = asking(t, server.port)
  for (let i = 0; i < 20; i++) t.match(await ask(), { isOk: true, code: 'L7OK' })
  t.equal(server.connections, 1)
  t.equal(clock.pending, 0)
})

t.test('an answer of 500 keeps it too; Connection: close does not', async (t) => {
  const failing = await scripted(
    t,
    answering(() => reply('500 No', 'why'))
  )
  const first = asking(t, failing.port)
  for (let i = 0; i < 3; i++) await first.ask()
  t.equal(failing.connections, 1)
  const closing = await scripted(
    t,
    answering(() => reply('200 OK', '', 'Connection: close\r\n'))
  )
  const second = asking(t, closing.port)
  for (let i = 0; i < 3; i++) await second.ask()
  t.equal(closing.connections, 3)
})

t.test('a kept connection that was closed meanwhile is no failure', async (t) => {
  const server = await scripted(
    t,
    answering(() => reply('200 OK'))
  )
  const { ask } = asking(t, server.port)
  t.match(await ask(), { isOk: true })
  for (const end of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
    const socket = server.sockets.at(-1)
    if (socket !== undefined) end(socket)
    await until(() => socket?.destroyed === true, 'the end of the connection')
    t.match(await ask(), { isOk: true })
  }
  t.equal(server.connections, 3)
})

t.test('a kept connection that ends when it is asked is no failure', async (t) => {
  for (const end of ['end', 'resetAndDestroy'] as const) {
    const server = await scripted(t, (socket) =>
      answering((_request, count) => {
        if (count === 1) return reply('200 OK')
        socket[end]()
        return undefined
      })(socket)
    )
    const { ask } = asking(t, server.port)
    for (let i = 0; i < 3; i++) t.match(await ask(), { isOk: true }, end)
    t.equal(server.connections, 3)
  }
})

t.test(
  'a kept connection that nobody knows any more is no failure: after half the time a new one is tried',
  async (t) => {
    const server = await scripted(
      t,
      answering((_request, count) => (count === 1 ? reply('200 OK') : undefined))
    )
    const { ask, clock } = asking(t, server.port)
    t.match(await ask(), { isOk: true })
    const second = ask(1000)
    await clock.advance(499)
    t.equal(server.connections, 1)
    await clock.advance(1)
    t.match(await second, { isOk: true, tookMs: 500 })
    t.equal(server.connections, 2)
    await until(() => server.sockets[0]?.destroyed === true, 'the end of the old one')
  }
)

t.test('a kept connection that is only slow may still answer', async (t) => {
  const late: (() => void)[] = []
  const server = await scripted(t, (socket, connection) =>
    answering((_request, count) => {
      if (connection === 1 && count === 1) return reply('200 OK')
      if (connection === 1) late.push(() => socket.write(reply('200 OK', 'late')))
      return undefined
    })(socket)
  )
  const { ask, clock } = asking(t, server.port)
  await ask()
  const second = ask(1000)
  await clock.advance(800)
  await until(() => late.length === 1, 'the question')
  for (const answer of late) answer()
  t.match(await second, { isOk: true, tookMs: 800 })
})

t.test('bytes that nobody asked for end the kept connection', async (t) => {
  const server = await scripted(
    t,
    answering(() => reply('200 OK'))
  )
  const { ask } = asking(t, server.port)
  await ask()
  server.sockets[0]?.write(reply('500 No', 'of another question'))
  await until(() => server.sockets[0]?.destroyed === true, 'the end of the connection')
  t.match(await ask(), { isOk: true })
  t.equal(server.connections, 2)
})

t.test('malformed answers: alive, but no HTTP', async (t) => {
  const broken = { isOk: false, isAlive: true, code: 'L7RSP' }
  t.match(await one(t, 'SSH-2.0-OpenSSH_9.2\r\n'), { ...broken, detail: 'not HTTP: SSH-2.0-OpenSSH_9.2' })
  t.match(await one(t, Buffer.alloc(1000, 0xff)), broken)
  t.match(await one(t, 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'), {
    ...broken,
    detail: 'a broken Content-Length'
  })
  t.match(await one(t, Buffer.from([0x15, 3, 1, 0, 2, 2, 22])), { ...broken, detail: /type https/ })
  t.match(await one(t, `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(4000)}`), { ...broken, detail: /head does not end/ })
})

t.test('an answer in single bytes', async (t) => {
  const server = await scripted(t, (socket) =>
    socket.once('data', async () => {
      for (const letter of reply('200 OK', 'ok')) await new Promise((resolve) => socket.write(letter, resolve))
    })
  )
  t.match(await asking(t, server.port, { body: 'ok' }).ask(), { isOk: true, code: 'L7OK' })
})

/** Writes until the other end is gone. */
function flood(socket: Socket, first: string): void {
  const more = Buffer.alloc(65_536, 'x')
  const write = (): void => {
    while (!socket.destroyed && socket.write(more));
  }
  socket.write(first)
  socket.on('drain', write)
  write()
}

t.test('an answer of 1 GB is decided by its head; it is not read to its end', async (t) => {
  const server = await scripted(t, (socket) =>
    socket.once('data', () => flood(socket, 'HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n'))
  )
  const { ask } = asking(t, server.port)
  t.match(await ask(), { isOk: true, code: 'L7OK' })
  await until(() => server.sockets[0]?.destroyed === true, 'the end of the connection')
  t.ok((server.sockets[0]?.bytesWritten ?? 0) < 64 << 20, 'what the kernel holds, and not the gigabyte')
  t.match(await ask(), { isOk: true })
  t.equal(server.connections, 2)
})

t.test('where its body counts, the first 64 KiB do, at once', async (t) => {
  for (const [status, check, expected] of [
    ['200 OK', { body: 'xx' }, { isOk: true }],
    ['200 OK', { body: 'y' }, { isOk: false, isAlive: true, code: 'L7RSP' }],
    ['500 No', {}, { isOk: false, isAlive: true, code: 'L7STS' }]
  ] as const) {
    const server = await scripted(t, (socket) => socket.once('data', () => flood(socket, `HTTP/1.1 ${status}\r\n\r\n`)))
    t.match(await asking(t, server.port, check).ask(), expected)
    await until(() => server.sockets[0]?.destroyed === true, 'the end of the connection')
  }
})

t.test('a body that never ends: decided by its head, or at the deadline', async (t) => {
  const answer = (status: string): string => `HTTP/1.1 ${status}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n`
  const server = await scripted(
    t,
    answering(() => answer('200 OK'))
  )
  const { ask, clock } = asking(t, server.port)
  t.match(await ask(), { isOk: true })
  t.match(await ask(), { isOk: true })
  t.equal(server.connections, 2, 'the next check does not wait for it')
  t.equal(clock.pending, 0)
  for (const [status, check, expected] of [
    ['500 No', {}, { isOk: false, isAlive: true, code: 'L7STS', tookMs: 1000 }],
    ['200 OK', { body: 'ok' }, { isOk: true, code: 'L7OK' }],
    ['200 OK', { body: 'other' }, { isOk: false, isAlive: true, code: 'L7RSP' }]
  ] as const) {
    const endless = await scripted(
      t,
      answering(() => answer(status))
    )
    const slow = asking(t, endless.port, check)
    const waiting = slow.ask()
    await until(() => (endless.sockets[0]?.bytesWritten ?? 0) > 0, 'the answer')
    await new Promise((resolve) => setImmediate(resolve))
    await slow.clock.advance(1000)
    t.match(await waiting, expected)
    await until(() => endless.sockets[0]?.destroyed === true, 'the end of the connection')
  }
})

t.test('a head that comes too slowly: no answer within the deadline, whatever has come', async (t) => {
  const server = await scripted(
    t,
    answering(() => 'HTTP/1.1 200 OK\r\nX: ')
  )
  const { ask, clock } = asking(t, server.port)
  const waiting = ask()
  await until(() => server.sockets.length === 1 && (server.sockets[0]?.bytesWritten ?? 0) > 0, 'the answer')
  for (let i = 0; i < 9; i++) {
    server.sockets[0]?.write('y')
    await clock.advance(100)
  }
  let isOver = false
  void waiting.then(() => {
    isOver = true
  })
  await clock.advance(99)
  t.notOk(isOver)
  await clock.advance(1)
  t.match(await waiting, { isOk: false, code: 'L7TOUT', detail: 'no answer within 1000 ms', tookMs: 1000 })
  await until(() => server.sockets[0]?.destroyed === true, 'the end of the connection')
  t.equal(clock.pending, 0)
})

t.test('closed, reset, refused: dead', async (t) => {
  const dead = (result: CheckResult): void => {
    t.notOk(result.isOk)
    t.notOk(result.isAlive)
  }
  const closing = await scripted(t, (socket) => socket.once('data', () => socket.end()))
  const closed = await asking(t, closing.port).ask()
  t.match(closed, { code: 'L7RSP', detail: /closed the connection without an answer/ })
  dead(closed)
  const resetting = await scripted(t, (socket) => socket.once('data', () => socket.resetAndDestroy()))
  const reset = await asking(t, resetting.port).ask()
  t.match(reset, { code: 'L7RSP', detail: /ECONNRESET/ })
  dead(reset)
  const refused = await asking(t, await closedPort()).ask()
  t.match(refused, { code: 'L4CON', isRefused: true, detail: 'ECONNREFUSED' })
  dead(refused)
})

t.test('failures that are made by hand', async (t) => {
  t.match(timeoutAnswer('connect', 500), { isOk: false, code: 'L4TOUT', detail: 'no connection within 500 ms' })
  t.match(timeoutAnswer('handshake', 500), { isOk: false, code: 'L6TOUT' })
  const shortage = Object.assign(new Error('out of descriptors'), { code: 'EMFILE' })
  t.match(lostAnswer(httpCheck, 'connect', shortage), { code: 'SOCKERR', detail: 'EMFILE' })
  const gone = Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' })
  t.match(lostAnswer(httpCheck, 'connect', gone), { code: 'L4CON', isRefused: false, detail: 'EHOSTUNREACH' })
})

t.test('given up, a check answers no more, and its connection goes', async (t) => {
  const server = await scripted(t, () => undefined)
  const { probe, clock } = asking(t, server.port)
  probe(1000, () => t.fail('an answer'))
  await until(() => server.sockets.length === 1, 'the connection')
  probe.close?.()
  await until(() => server.sockets[0]?.destroyed === true, 'its end')
  await clock.advance(2000)
  t.equal(clock.pending, 0)
})

t.test('a token is read again when its file changes; when it vanishes, the last one is used on', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vipd-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const tokenFile = join(folder, 'token')
  const server = await scripted(
    t,
    answering(() => reply('200 OK'))
  )
  const { ask, clock } = asking(t, server.port, { tokenFile })
  const shown = (): string | undefined => {
    const found = /Authorization: Bearer (.*)\r\n/.exec(server.heard)?.[1]
    server.heard = ''
    return found
  }
  t.match(await ask(), { isOk: true, problem: `cannot read ${tokenFile}: no such file` })
  t.equal(shown(), undefined)
  writeFileSync(tokenFile, 'first\n')
  await clock.advance(LOOK_AGAIN_MS)
  t.match(await ask(), { isOk: true, detail: '200 OK', problem: undefined })
  t.equal(shown(), 'first')
  writeFileSync(tokenFile, 'second\n')
  await ask()
  t.equal(shown(), 'first', 'it is looked at once a second')
  await clock.advance(LOOK_AGAIN_MS)
  await ask()
  t.equal(shown(), 'second')
  rmSync(tokenFile)
  await clock.advance(LOOK_AGAIN_MS)
  t.match(await ask(), { isOk: true, problem: `cannot read ${tokenFile}: no such file` })
  t.equal(shown(), 'second')
  writeFileSync(tokenFile, 'two\nlines\n')
  await clock.advance(LOOK_AGAIN_MS)
  t.match(await ask(), { isOk: true, problem: /has no token/ })
  t.equal(shown(), undefined, 'what is no token is not sent')
  t.equal(server.connections, 1)
})
