import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t, { type Test } from 'tap'
import { addon } from '../../src/os/addon.js'
import { freePort, nextLine, portOf, python, table } from './bench.js'

const ADDON = JSON.stringify(new URL('../../src/os/addon.js', import.meta.url).href)

function runNode(program: string): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, ['--input-type=module', '-e', `import { addon } from ${ADDON}\n${program}`], {
    encoding: 'utf8',
    timeout: 20_000
  })
}

function endedWell(t: Test, done: SpawnSyncReturns<string>, stdout = ''): void {
  t.same(
    { status: done.status, signal: done.signal, stdout: done.stdout, stderr: done.stderr },
    {
      status: 0,
      signal: null,
      stdout,
      stderr: ''
    }
  )
}

t.test('a process with everything open', async (t) => {
  const server = net.createServer((socket) => socket.on('error', () => {}))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const open = `
    const plane = new (addon().DataPlane)({ threads: 3, mode: 'hybrid', maxconn: 1000, pipes: 16 }, () => {})
    plane.publish(${JSON.stringify(table(await freePort(), [await freePort()]))})
    const prober = new (addon().Prober)()
    for (let i = 0; i < 100; i++) prober.tcp('127.0.0.1', ${portOf(server)}, 60000, () => {})
    const netlink = new (addon().NetlinkEvents)(() => {}, () => {})
    const sender = new (addon().AdvertSender)({ realTimePriority: 1 })
    const sockets = []
    if (!addon().missingCapabilities().includes('CAP_NET_RAW')) {
      const options = { family: 4, interface: 'lo', interfaceIndex: 1, groups: [], source: '127.0.0.1' }
      const socket = new (addon().VrrpSocket)(options, () => {})
      sockets.push(socket, new (addon().ArpSocket)(1, () => {}))
      const now = Number(process.hrtime.bigint()) / 1e6
      const datagram = { payload: Buffer.alloc(8), destination: '127.99.0.1', source: '127.0.0.1', ttl: 1 }
      const times = { firstAtMs: now, intervalMs: 50, silenceMs: 1e6, sinceMs: now }
      sender.prove(now + 60000)
      for (let id = 0; id < 3; id++) sender.plan(id, { socket, adverts: [[datagram]], repeat: true, ...times })
    }
  `

  t.test('ends by itself once all is closed', async (t) => {
    endedWell(
      t,
      runNode(`${open}; plane.stop(); prober.close(); netlink.close(); netlink.close()
      for (const socket of sockets) socket.close()
      sender.close()`)
    )
  })

  t.test('may call process.exit', async (t) => {
    for (let i = 0; i < 5; i++) endedWell(t, runNode(`${open}; process.exit()`))
  })

  t.test('may end while results are on their way', async (t) => {
    endedWell(t, runNode(`${open}; setTimeout(() => process.exit(), 5)`))
  })

  t.test('keeps a socket it has forgotten', async (t) => {
    const program = `
      const plane = (() => { ${open}; return new WeakRef(netlink) })()
      const collect = (await import('node:v8')).setFlagsFromString('--expose-gc')
      const { runInNewContext } = await import('node:vm')
      for (let i = 0; i < 5; i++) { runInNewContext('gc')(); await new Promise((resolve) => setTimeout(resolve, 1)) }
      console.log(plane.deref() !== undefined)
      process.exit()
    `
    endedWell(t, runNode(program), 'true\n')
  })

  t.test('may run it in a worker thread that is terminated', async (t) => {
    const program = `
      import { Worker } from 'node:worker_threads'
      const inside = ${JSON.stringify(`import { addon } from ${ADDON}
        import { parentPort } from 'node:worker_threads'
        ${open}
        parentPort.postMessage('open')`)}
      for (let i = 0; i < 3; i++) {
        const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(inside)))
        await new Promise((resolve) => worker.once('message', resolve))
        await worker.terminate()
      }
      console.log('done')
    `
    endedWell(t, runNode(program), 'done\n')
  })
})

t.test('what a callback throws reaches uncaughtException', async (t) => {
  const program = `
    process.once('uncaughtException', (error) => {
      console.log(error.message)
      process.exit()
    })
    setInterval(() => {}, 1000)
    new (addon().Prober)().tcp('127.0.0.1', ${await freePort()}, 1000, () => { throw new Error('thrown') })
  `
  endedWell(t, runNode(program), 'thrown\n')
})

t.test('closeOnExec marks descriptors that were opened without', async (t) => {
  if (addon().missingCapabilities().includes('CAP_NET_RAW')) {
    t.pass('skipped: needs CAP_NET_RAW')
    return
  }
  const program = `
    import { createRequire } from 'node:module'
    import { readdirSync, readFileSync } from 'node:fs'
    const raw = createRequire(${JSON.stringify(import.meta.url)})('raw-socket').createSocket({ protocol: 112 })
    const inherited = () => readdirSync('/proc/self/fdinfo').filter((fd) => {
      if (Number(fd) < 3) return false
      try {
        return (parseInt(readFileSync('/proc/self/fdinfo/' + fd, 'utf8').match(/flags:\\t(\\d+)/)[1], 8) & 0o2000000) === 0
      } catch { return false }
    }).length
    const before = inherited()
    addon().closeOnExec()
    console.log(before > 0, inherited())
    process.exit(0)
  `
  endedWell(t, runNode(program), 'true 0\n')
})

t.test('the descriptor limit rises and is never lowered', async (t) => {
  const limit = (): number =>
    Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Number.NaN)
  const before = limit()
  t.equal(addon().raiseDescriptorLimit(10), before)
  t.equal(addon().raiseDescriptorLimit(before), before)
  t.equal(limit(), before)
})

t.test('missing capabilities are those that the kernel says are missing', async (t) => {
  const effective = BigInt(`0x${/CapEff:\s+([0-9a-f]+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`)
  const has = (bit: bigint): boolean => ((effective >> bit) & 1n) === 1n
  t.same(addon().missingCapabilities(), [...(has(12n) ? [] : ['CAP_NET_ADMIN']), ...(has(13n) ? [] : ['CAP_NET_RAW'])])
})

t.test('datagrams reach a unix socket, by path and in the abstract namespace', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'vipd-')) // not t.testdir(): its path is too long for a socket
  t.teardown(() => rmSync(folder, { recursive: true }))
  for (const name of [path.join(folder, 'notify'), `@vipd-test-${process.pid}`]) {
    const { child } = await python(
      t,
      `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = ${JSON.stringify(name)}
s.bind('\\0' + name[1:] if name[0] == '@' else name)
print('ready', flush=True)
print(s.recv(100).decode(), flush=True)
`
    )
    addon().unixDgramSend(name, Buffer.from('READY=1'))
    t.equal(await nextLine(child), 'READY=1')
  }
  t.throws(() => addon().unixDgramSend('/nonexistent/socket', Buffer.from('x')), { code: 'ENOENT', syscall: 'sendmsg' })
  t.throws(() => addon().unixDgramSend(`/${'x'.repeat(200)}`, Buffer.from('x')), { code: 'ENAMETOOLONG' })
})
