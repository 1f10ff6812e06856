import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { createConnection, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { isAnswering } from '../../../src/admin/answering.js'
import { getSessions, getStatus, postKill, postReload, postServer, postUpgrade } from '../../../src/admin/client.js'
import { AdminServer } from '../../../src/admin/server.js'
import { type Control, isHealthy, type ReloadVerdict, type Status } from '../../../src/admin/status.js'
import { fakeControl } from '../../fakes/control.js'
import { status } from '../../fakes/status.js'

const verdict: ReloadVerdict = {
  verdict: 'needs-restart',
  problems: ['f:1:1: x'],
  applied: ['b: 3 → 4'],
  changes: ['a: 1 → 2']
}

const quiet = fakeControl({ reload: async () => verdict })

/** A folder of this test's own; tap's has a name that is too long for the path of a socket. */
function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'vipd-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function serve(t: Test, overrides: Partial<Control> = {}) {
  const path = join(folderOf(t), 'vipd.sock')
  const errors: unknown[] = []
  const control: Control = { ...quiet, ...overrides }
  const server = new AdminServer(control, (error) => errors.push(error))
  t.teardown(() => server.close())
  await server.listenUnix(path)
  return { path, server, errors, control }
}

const ask = (
  socketPath: string,
  method: string,
  path: string,
  sent?: string | Buffer
): Promise<{ code: number; body: string }> =>
  new Promise((resolve, reject) => {
    request({ socketPath, method, path, agent: false }, (incoming) => {
      let body = ''
      incoming.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      incoming.on('end', () => resolve({ code: incoming.statusCode ?? 0, body }))
    })
      .on('error', reject)
      .end(sent)
  })

t.test('a daemon that is older than the command is told apart from one that is none', async (t) => {
  const path = join(folderOf(t), 'vipd.sock')
  const old = createServer((_, response) => response.writeHead(404).end('{"error":"not found"}\n'))
  await new Promise<void>((resolve) => old.listen(path, resolve))
  t.teardown(() => old.close())
  await t.rejects(postUpgrade(path), {
    code: 'REFUSED',
    message:
      'the vipd that runs here is another version than this command and does not know `POST /v1/upgrade`: systemctl restart vipd'
  })
  await t.rejects(getStatus(path), { code: 'NOT_RUNNING' })
})

t.test('handing over is asked for on the unix socket, and its failure is told in a sentence', async (t) => {
  const { path } = await serve(t)
  await t.rejects(postUpgrade(path), { code: 'REFUSED', message: 'no' })
  const done = { ok: true, pid: 7, sessions: 3, took_ms: 12 } as const
  const other = await serve(t, { handOver: async () => done })
  t.match(await postUpgrade(other.path), { pid: 7, sessions: 3, took_ms: 12 })
})

t.test('ten scrapes at once are all answered, though one never reads what it asked for', async (t) => {
  const [first] = status().proxy
  const [server] = first?.servers ?? []
  if (first === undefined || server === undefined) throw new Error('no server')
  // So many that no socket's buffer takes the answer.
  const servers = Array.from({ length: 3000 }, (_, i) => ({ ...server, name: `s${i}` }))
  const { path, errors } = await serve(t, { status: async () => ({ ...status(), proxy: [{ ...first, servers }] }) })
  const mute = createConnection(path)
  t.teardown(() => mute.destroy())
  mute.pause()
  mute.write('GET /metrics HTTP/1.1\r\nHost: vipd\r\n\r\n')
  const pages = await Promise.all(Array.from({ length: 10 }, () => ask(path, 'GET', '/metrics')))
  for (const { code, body } of pages) {
    t.equal(code, 200)
    t.match(body, /server="s2999"/)
  }
  t.strictSame(errors, [])
})

t.test('client and server agree', async (t) => {
  const { path } = await serve(t)
  t.strictSame(await getStatus(path), status())
  t.strictSame(await postReload(path), verdict)
  t.equal(statSync(path).mode & 0o777, 0o660)
})

t.test('what is not there is 404, whatever the words', async (t) => {
  const { path } = await serve(t)
  for (const [method, what] of [
    ['GET', '/index.html'],
    ['POST', '/v1/status'],
    ['PUT', '/v1/reload'],
    ['DELETE', '/v1/status'],
    ['GET', '/constructor'],
    ['GET', '/v1/status/../../etc/passwd']
  ] as const)
    t.equal((await ask(path, method, what)).code, 404, `${method} ${what}`)
  t.equal((await ask(path, 'GET', '/v1/status?pretty=1')).code, 200)
})

t.test('healthy or not is told by the code', async (t) => {
  const { path } = await serve(t)
  t.equal((await ask(path, 'GET', '/healthz')).code, 200)
  const sick = status()
  const other = await serve(t, {
    status: async () => ({ ...sick, process: { ...sick.process, data_plane_alive: false } })
  })
  t.equal((await ask(other.path, 'GET', '/healthz')).code, 503)
  t.ok(isHealthy(sick))
  const withFault: Status = { ...sick, vrrp: sick.vrrp.map((one) => ({ ...one, state: 'FAULT' })) }
  t.notOk(isHealthy(withFault))
  t.notOk(isHealthy({ ...sick, proxy: sick.proxy.map((one) => ({ ...one, listening: false })) }))
})

t.test('over TCP only what is read-only', async (t) => {
  const { server } = await serve(t)
  const probe = createTcpServer()
  const port = await new Promise<number>((resolve) => {
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
  await server.listenTcp('127.0.0.1', port)
  t.equal((await fetch(`http://127.0.0.1:${port}/status.json`)).status, 200)
  for (const path of ['upgrade', 'reload', 'server', 'sessions/kill'])
    t.equal((await fetch(`http://127.0.0.1:${port}/v1/${path}`, { method: 'POST', body: '{}' })).status, 404, path)
  for (const path of ['sessions', 'events'])
    t.equal((await fetch(`http://127.0.0.1:${port}/v1/${path}`)).status, 404, path)
  const second = new AdminServer(quiet, () => undefined)
  await t.rejects(second.listenTcp('127.0.0.1', port), { code: 'LISTEN_FAILED' })
})

t.test('a status that cannot be told is answered, logged, and an error of the client', async (t) => {
  const { path, errors } = await serve(t, {
    status: async () => {
      throw new Error('no counters')
    }
  })
  t.equal((await ask(path, 'GET', '/v1/status')).code, 500)
  t.match(errors, [{ message: 'no counters' }])
  await t.rejects(getStatus(path), { name: 'VipdError', message: /answers GET \/v1\/status by 500/ })
})

t.test('an order to a server goes through, and its answer comes back', async (t) => {
  const asked: unknown[] = []
  const { path } = await serve(t, {
    orderServer: (name, order) => {
      asked.push([name, order])
      return name.server === 'a1' ? { ok: true, status: 'DRAIN', detail: 'x' } : { ok: false, error: 'no such server' }
    }
  })
  const name = { service: 'api', server: 'a1' }
  t.strictSame(await postServer(path, name, { kind: 'state', state: 'drain' }), { status: 'DRAIN', detail: 'x' })
  t.strictSame(await postServer(path, name, { kind: 'weight', weight: 0 }), { status: 'DRAIN', detail: 'x' })
  t.strictSame(asked, [
    [name, { kind: 'state', state: 'drain' }],
    [name, { kind: 'weight', weight: 0 }]
  ])
  await t.rejects(postServer(path, { service: 'api', server: 'a2' }, { kind: 'state', state: 'ready' }), {
    code: 'REFUSED',
    message: 'no such server'
  })
})

t.test('sessions are asked for and ended, by numbers or by server', async (t) => {
  const asked: unknown[] = []
  const { path } = await serve(t, {
    sessions: async (query) => {
      asked.push(query)
      return query.service === 'nix' ? { ok: false, error: 'no such service' } : { ok: true, sessions: [], total: 7 }
    },
    killSessions: async (query) => {
      asked.push(query)
      return { ok: true, ended: 1, unknown: ['0x2a'] }
    }
  })
  t.strictSame(await getSessions(path, { service: 'a&b', server: 'c d', limit: 5 }), { sessions: [], total: 7 })
  await getSessions(path, { service: null, server: null, limit: 10_000 })
  await t.rejects(getSessions(path, { service: 'nix', server: null, limit: 1 }), { message: 'no such service' })
  t.strictSame(await postKill(path, { ids: ['0x1f', '0x1F', '0x2a'] }), { ended: 1, unknown: ['0x2a'] })
  await postKill(path, { service: 'api', server: 'a1' })
  t.strictSame(asked, [
    { service: 'a&b', server: 'c d', limit: 5 },
    { service: null, server: null, limit: 10_000 },
    { service: 'nix', server: null, limit: 1 },
    { kind: 'ids', ids: [31, 42] },
    { kind: 'server', service: 'api', server: 'a1' }
  ])
  t.equal((await ask(path, 'GET', '/v1/sessions')).code, 200, 'a limit of its own')
  t.match(asked.at(-1), { limit: 100 })
})

t.test('what cannot be read is 400 with the reason, and reaches nobody', async (t) => {
  const nobody = () => {
    throw new Error('reached')
  }
  const { path, errors } = await serve(t, { orderServer: nobody, sessions: nobody, killSessions: nobody })
  const name = { service: 'api', server: 'a1' }
  const wrong: readonly (readonly [string, string, unknown, RegExp])[] = [
    ['POST', '/v1/server', undefined, /JSON object/],
    ['POST', '/v1/server', [], /JSON object/],
    ['POST', '/v1/server', null, /JSON object/],
    ['POST', '/v1/server', { service: 'api', state: 'ready' }, /service and server/],
    ['POST', '/v1/server', { ...name }, /either state or weight/],
    ['POST', '/v1/server', { ...name, state: 'drain', weight: 1 }, /either state or weight/],
    ['POST', '/v1/server', { ...name, state: 'up' }, /ready, drain or maint/],
    ['POST', '/v1/server', { ...name, state: 1 }, /ready, drain or maint/],
    ['POST', '/v1/server', { ...name, weight: 257 }, /0 to 256/],
    ['POST', '/v1/server', { ...name, weight: -1 }, /0 to 256/],
    ['POST', '/v1/server', { ...name, weight: 1.5 }, /0 to 256/],
    ['POST', '/v1/server', { ...name, weight: '1' }, /0 to 256/],
    ['GET', '/v1/sessions?limit=0', undefined, /limit/],
    ['GET', '/v1/sessions?limit=10001', undefined, /limit/],
    ['GET', '/v1/sessions?limit=1e3', undefined, /limit/],
    ['GET', '/v1/sessions?server=a', undefined, /service and server/],
    ['POST', '/v1/sessions/kill', {}, /either ids/],
    ['POST', '/v1/sessions/kill', { server: 'a1' }, /either ids/],
    ['POST', '/v1/sessions/kill', { ids: [] }, /1 to 500/],
    ['POST', '/v1/sessions/kill', { ids: '0x1' }, /1 to 500/],
    ['POST', '/v1/sessions/kill', { ids: Array.from({ length: 501 }, () => '0x1') }, /1 to 500/],
    ['POST', '/v1/sessions/kill', { ids: ['31'] }, /0x1f/],
    ['POST', '/v1/sessions/kill', { ids: ['0xffffffffffffff'] }, /0x1f/],
    ['POST', '/v1/sessions/kill', { ids: [31] }, /0x1f/]
  ]
  for (const [method, where, body, why] of wrong) {
    const { code, body: said } = await ask(path, method, where, body === undefined ? undefined : JSON.stringify(body))
    t.equal(code, 400, `${where} ${JSON.stringify(body)?.slice(0, 60)}`)
    t.match(JSON.parse(said), { error: why })
  }
  t.equal((await ask(path, 'POST', '/v1/server', '{"service')).code, 400)
  t.strictSame(errors, [])
})

t.test('a request that is too long is refused, not read on', async (t) => {
  const { path, errors } = await serve(t)
  for (const where of ['/v1/server', '/v1/sessions/kill', '/v1/reload'])
    t.match(await ask(path, 'POST', where, Buffer.alloc(16_385, ' ')), { code: 413, body: /16384 bytes/ })
  t.equal((await ask(path, 'POST', '/v1/reload', Buffer.alloc(16_384, ' '))).code, 200)
  const code = await new Promise<number>((resolve, reject) => {
    const endless = request({ socketPath: path, method: 'POST', path: '/v1/server', agent: false }, (incoming) => {
      incoming.resume()
      resolve(incoming.statusCode ?? 0)
    })
    endless.on('error', reject)
    endless.on('close', () => reject(new Error('no answer')))
    const more = (): void => {
      if (!endless.destroyed) endless.write(Buffer.alloc(65_536), more)
    }
    more()
    t.teardown(() => endless.destroy())
  })
  t.equal(code, 413)
  t.strictSame(errors, [])
})

t.test('a request that does not end is answered with 408 in time, and the socket is free again', async (t) => {
  const { path, errors } = await serve(t)
  const began = performance.now()
  const slow = createConnection(path)
  let said = ''
  slow.on('data', (piece: Buffer) => {
    said += piece.toString()
  })
  slow.write('GET /v1/status HTTP/1.1\r\nhost: x\r\n')
  // Until shortly before the answer: who writes to a socket that is closed just then never reads it.
  const dripping = setInterval(() => {
    if (performance.now() - began < 4500) slow.write('x-a: b\r\n')
  }, 500)
  t.teardown(() => clearInterval(dripping))
  slow.on('error', () => undefined)
  await once(slow, 'close')
  t.match(said, /^HTTP\/1\.1 408/)
  t.ok(performance.now() - began < 9000, 'five seconds from its beginning, and the next look')
  t.strictSame(errors, [])
})

t.test('who comes when too many are connected is turned away, and the others are served', async (t) => {
  const { path } = await serve(t)
  const idle = Array.from({ length: 63 }, () => createConnection(path))
  t.teardown(() => idle.map((socket) => socket.destroy()))
  await Promise.all(idle.map((socket) => once(socket, 'connect')))
  t.equal((await ask(path, 'GET', '/healthz')).code, 200)
  const last = createConnection(path)
  t.teardown(() => last.destroy())
  await once(last, 'connect')
  await t.rejects(ask(path, 'GET', '/healthz'))
  for (const socket of idle) socket.destroy()
  const answered = async (): Promise<number> =>
    ask(path, 'GET', '/healthz').then(
      ({ code }) => code,
      // The server has not heard of all ends yet.
      () => answered()
    )
  t.equal(await answered(), 200)
})

t.test('a client that leaves in the middle of its request is no error', async (t) => {
  const { path, errors } = await serve(t)
  const socket = createConnection(path)
  socket.write('POST /v1/server HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{')
  t.equal((await ask(path, 'GET', '/healthz')).code, 200, 'it was read meanwhile')
  socket.destroy()
  t.equal((await ask(path, 'GET', '/healthz')).code, 200)
  t.strictSame(errors, [])
})

t.test('a socket that a dead daemon left is taken over, a living one is respected', async (t) => {
  const { path, server } = await serve(t)
  const second = new AdminServer(quiet, () => undefined)
  await t.rejects(second.listenUnix(path), { code: 'ALREADY_RUNNING' })
  t.ok(await isAnswering(path), 'the first goes on')
  await server.close()
  t.notOk(await isAnswering(path))

  const stale = join(folderOf(t), 'vipd.sock')
  await leaveSocket(stale)
  t.ok(existsSync(stale))
  t.notOk(await isAnswering(stale))
  t.teardown(() => second.close())
  await second.listenUnix(stale)
  t.ok(await isAnswering(stale))
})

t.test('a socket that cannot be made is told in words', async (t) => {
  const folder = folderOf(t)
  writeFileSync(join(folder, 'file'), '')
  mkdirSync(join(folder, 'folder'))
  const one = new AdminServer(quiet, () => undefined)
  await t.rejects(one.listenUnix(join(folder, 'file', 'x.sock')))
  await t.rejects(one.listenUnix(join(folder, 'folder')), { code: 'SOCKET_DENIED' })
})

t.test('who is not running is said so, with what to do', async (t) => {
  const none = join(folderOf(t), 'none.sock')
  await t.rejects(getStatus(none), { code: 'NOT_RUNNING', message: /systemctl start vipd/ })
  const dead = join(folderOf(t), 'dead.sock')
  await leaveSocket(dead)
  await t.rejects(getStatus(dead), { code: 'NOT_RUNNING' })
})

t.test('an answer that is none is told, not believed', async (t) => {
  const path = join(folderOf(t), 'odd.sock')
  const server = createServer((_, response) => response.end('hello'))
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.teardown(() => server.close())
  await t.rejects(getStatus(path), { name: 'VipdError' })
})

/** A socket file that nobody listens on any more, as after kill -9. */
async function leaveSocket(path: string): Promise<void> {
  const server = createTcpServer()
  await new Promise<void>((resolve) => server.listen(`${path}.live`, resolve))
  renameSync(`${path}.live`, path)
  await new Promise((resolve) => server.close(resolve))
}
