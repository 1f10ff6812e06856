import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { answered, freePort, portOf, serveName, until } from './bench.js'

// The whole daemon, proxy alone: `vipd reload` changes it in place, and it takes sockets from the service manager.

const VIPD = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/** As systemd does: opens a listening socket, hands it over as descriptor 3 under a name, and becomes the program. */
const ACTIVATE = `
import os, socket, sys
handed = socket.socket()
handed.bind(('127.0.0.1', int(sys.argv[1])))
handed.listen()
os.dup2(handed.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='api')
os.execv(sys.argv[2], sys.argv[2:])
`

/** A daemon that ends with the test. @param activated the port of a socket that it is handed over as fd@api */
async function daemon(t: Test, yaml: string, activated?: number) {
  const folder = mkdtempSync(path.join(tmpdir(), 'vipd-reload-'))
  const file = path.join(folder, 'vipd.yaml')
  const socket = path.join(folder, 'vipd.sock')
  const write = (proxy: string): void =>
    writeFileSync(file, `admin: { socket: ${socket} }\nnbthread: 2\nproxy:\n${proxy}`)
  write(yaml)
  const argv = [process.execPath, VIPD, 'run', '-c', file]
  const [program = '', ...args] =
    activated === undefined ? argv : ['python3', '-c', ACTIVATE, String(activated), ...argv]
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    rmSync(folder, { recursive: true, force: true })
  })
  const vipd = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [VIPD, ...args, '--socket', socket], {
      encoding: 'utf8',
      timeout: 30_000
    })
    return { code: status, out: stdout, err: stderr }
  }
  const status = (): { proxy: { servers: { status: string }[]; sessions: { total: number } }[] } =>
    JSON.parse(vipd('status', '--json').out)
  await until('the daemon listens and its servers are UP', () => {
    const { code, out } = vipd('status', '--json')
    return code === 0 && out.includes('"listening": true') && !out.includes('"DOWN"')
  })
  return { vipd, write, status }
}

const service = (
  name: string,
  bind: string,
  servers: readonly (readonly [string, net.Server])[],
  more = ''
): string => {
  const list = servers.map(([who, server]) => `{ name: ${who}, address: "127.0.0.1:${portOf(server)}" }`)
  return `  - { name: ${name}, bind: [ "${bind}" ], ${more}servers: [ ${list.join(', ')} ] }\n`
}

t.test('servers, services and timeouts change in place; a session goes on; what cannot is told', async (t) => {
  const [a, b] = [await serveName(t, 'a'), await serveName(t, 'b')]
  const [port, other] = [await freePort(), await freePort()]
  const { vipd, write, status } = await daemon(t, service('api', `127.0.0.1:${port}`, [['a', a]]))
  const session = await answered(t, port)
  t.strictSame(vipd('reload'), { code: 0, out: 'the file says what is running: nothing to do\n', err: '' })
  write(
    `${service('api', `127.0.0.1:${port}`, [['b', b]], 'retries: 1, ')}${service('web', `127.0.0.1:${other}`, [['a', a]])}`
  )
  // Twice the sessions over all services that were planned at the start.
  const { code, out } = vipd('reload')
  t.equal(code, 1)
  t.match(out, /applied:\n(.*\n)*.*proxy api\.retries: 3 → 1/)
  t.match(out, /proxy api\.servers a is removed/)
  t.match(out, /proxy web is new/)
  t.match(out, /after a restart:\n {2}sessions at once over all services: 20000 → 40000/)
  await until('all are UP', () => status().proxy.every(({ servers }) => servers.every((one) => one.status === 'UP')))
  t.equal((await answered(t, port)).text(), 'b')
  t.equal((await answered(t, other)).text(), 'a')
  session.socket.write('still')
  await until('it echoes', () => session.text() === 'astill')
  t.equal(status().proxy[0]?.sessions.total, 2, 'counters go on')
  write(service('api', '127.0.0.1:0', [['b', b]]))
  t.equal(vipd('reload').code, 2)
  t.equal((await answered(t, port)).text(), 'b', 'a bad file changes nothing')
})

t.test('a listener that somebody else has is told by the reload', async (t) => {
  const a = await serveName(t, 'a')
  const port = await freePort()
  const { vipd, write } = await daemon(t, service('api', `127.0.0.1:${port}`, [['a', a]]))
  const somebody = await serveName(t, 'somebody')
  write(service('api', `127.0.0.1:${portOf(somebody)}`, [['a', a]]))
  const { code, err } = vipd('reload')
  t.equal(code, 0)
  t.match(
    err,
    /proxy api: cannot listen on 127\.0\.0\.1:\d+: another program listens there .*; tried again every second/
  )
  t.equal((await answered(t, port)).text(), 'a')
})

t.test('sockets that the service manager hands over are taken by name', async (t) => {
  const a = await serveName(t, 'a')
  const port = await freePort()
  const { write, vipd } = await daemon(t, service('api', 'fd@api', [['a', a]]), port)
  t.equal((await answered(t, port)).text(), 'a')
  write(service('api', 'fd@web', [['a', a]]))
  t.match(vipd('reload').err, /systemd handed over no socket of that name, it handed over api/)
  t.equal((await answered(t, port)).text(), 'a', 'the old one stays')
})
