import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { getStatus, postReload } from '../../../src/admin/client.js'
import { AdminServer, isAnswering } from '../../../src/admin/server.js'
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

const ask = (socketPath: string, method: string, path: string): Promise<{ code: number; body: string }> =>
  new Promise((resolve, reject) => {
    request({ socketPath, method, path, agent: false }, (incoming) => {
      let body = ''
      incoming.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      incoming.on('end', () => resolve({ code: incoming.statusCode ?? 0, body }))
    })
      .on('error', reject)
      .end()
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
    ['GET', '/'],
    ['POST', '/v1/status'],
    ['GET', '/v1/reload'],
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
  t.equal((await fetch(`http://127.0.0.1:${port}/v1/reload`, { method: 'POST' })).status, 404)
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
