import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { DataPlaneEvent, ServiceCounters, ServiceTable } from '../../src/os/plane.js'
import {
  answered,
  type Bench,
  bench,
  connect,
  entry,
  freePort,
  listener,
  type Mode,
  portOf,
  serve,
  serveName,
  table,
  until
} from './bench.js'

const MODES: readonly Mode[] = ['copy', 'splice']

/** The sessions that reached a server, by the servers. */
const reached = (b: Bench): number => b.counters().servers.reduce((sum, server) => sum + server.total, 0)

for (const mode of MODES) {
  t.test(`${mode}: counters`, async (t) => {
    t.test('add up over servers, threads and ends of all kinds', async (t) => {
      const b = bench(t, { mode, threads: 4 })
      const port = await freePort()
      const names = await Promise.all(['a', 'b'].map((name) => serveName(t, name)))
      const rude = await serve(t, (socket) => socket.resetAndDestroy())
      const ports = [...names.map(portOf), portOf(rude), await freePort()]
      await b.put(table(port, ports))
      const one = async (i: number): Promise<void> => {
        const client = connect(t, port)
        if (i % 3 === 0) await Promise.race([once(client.socket, 'data'), client.over])
        if (i % 2 === 0) client.socket.end(Buffer.alloc(i))
        else client.socket.resetAndDestroy()
        await client.over
        client.socket.destroy()
      }
      await Promise.all(Array.from({ length: 600 }, (_, i) => one(i)))
      await until('all over', () => b.counters().current === 0)
      const { total, refused, servers, bytesIn, bytesOut } = b.counters()
      t.ok(total <= 600 && total >= 300, 'a client that resets before it was accepted may never have been there')
      t.equal(refused, 0)
      // Nobody was lost: what has not reached a server left before that.
      const left = total - reached(b)
      t.ok(left >= 0 && left <= b.counters().aborts.client, `${left} left`)
      t.equal(
        bytesIn,
        servers.reduce((sum, server) => sum + server.bytesIn, 0)
      )
      t.equal(
        bytesOut,
        servers.reduce((sum, server) => sum + server.bytesOut, 0)
      )
      for (const server of servers) t.equal(server.current, 0)
      t.equal(b.server(4).redispatches, b.server(4).connectErrors)
    })

    t.test('of a server that was removed stay until its last session has ended', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const ports = await Promise.all(['a', 'b'].map(async (name) => portOf(await serveName(t, name))))
      await b.put(table(port, ports))
      const [first, second] = [await answered(t, port), await answered(t, port)]
      await b.put(table(port, ports.slice(1), { servers: [entry(2, ports[1] ?? 0)] }))
      await b.put(table(port, ports.slice(1), { servers: [entry(2, ports[1] ?? 0)] }))
      t.match(b.server(1), { current: 1, total: 1 })
      const client = first.text() === 'a' ? first : second
      client.socket.write('more')
      await until('still served', () => client.text() === 'amore')
      t.match(b.server(1), { bytesIn: 4, bytesOut: 5 })
      t.match(await b.sessions({ server: 1 }), [{ server: 1, state: 'established' }])
      client.socket.destroy()
      await until('gone', () => b.counters().servers.length === 1)
      t.equal(b.counters().total, 2)
      // It comes back as it was.
      await b.put(table(port, ports))
      t.match(b.server(1), { current: 0, total: 1, bytesIn: 4 })
    })

    t.test('failures in a row are counted over all threads, and end with a success', async (t) => {
      const b = bench(t, { mode, threads: 3 })
      const port = await freePort()
      const late = await freePort()
      await b.put(table(port, [late], { retries: 0 }))
      await Promise.all(Array.from({ length: 20 }, () => connect(t, port).over))
      t.match(b.server(1), { failuresInRow: 20, connectErrors: 20, total: 0 })
      const { createServer } = await import('node:net')
      const server = createServer((socket) => socket.end('x')).listen(late, '127.0.0.1')
      t.teardown(() => server.close())
      await once(server, 'listening')
      await connect(t, port).over
      t.match(b.server(1), { failuresInRow: 0, connectErrors: 20, total: 1 })
    })
  })
}

t.test(
  'when the ports for connections to a server are used up the next server is tried, and nothing spins',
  async (t) => {
    const probe = spawn('unshare', ['-rn', 'true'], { stdio: 'ignore' })
    const [status] = (await once(probe, 'close').catch(() => [1])) as [number]
    if (status !== 0) {
      t.comment('no namespaces here: not run')
      return
    }
    const listeners = [listener('127.0.0.1', 10_000)]
    const servers = [entry(1, 10_001), entry(2, 10_002)]
    const one: ServiceTable = table(10_000, [], { listeners, servers, rotation: [0, 1], sessionLog: 'errors' })
    // Four ports for each server. Clients have ports of their own choice.
    const program = `
    import net from 'node:net'
    import { once } from 'node:events'
    import { addon } from ${JSON.stringify(new URL('../../src/os/addon.js', import.meta.url).href)}
    const events = []
    const records = []
    const plane = new (addon().DataPlane)({ threads: 2, mode: 'copy', maxconn: 1000, pipes: 16 }, (event) => events.push(event))
    for (const port of [10001, 10002]) await once(net.createServer((s) => s.on('error', () => {}).write('x')).listen(port, '127.0.0.1'), 'listening')
    plane.publish(${JSON.stringify(one)})
    let served = 0
    const clients = []
    for (let i = 0; i < 12; i++) {
      const client = net.connect({ port: 10000, host: '127.0.0.1', localPort: 20000 + i })
      client.on('error', () => {}).on('data', () => served++)
      clients.push(client)
      await Promise.race([once(client, 'data'), once(client, 'close')])
    }
    const busy = process.cpuUsage()
    await new Promise((resolve) => setTimeout(resolve, 200))
    const spent = process.cpuUsage(busy)
    clients[0].resetAndDestroy()
    await new Promise((resolve) => setTimeout(resolve, 100))
    const last = net.connect({ port: 10000, host: '127.0.0.1', localPort: 21000 }).on('error', () => {})
    last.on('data', () => served++)
    await Promise.race([once(last, 'data'), once(last, 'close')])
    console.log(JSON.stringify({ served, events, records: plane.records(100), service: plane.counters().services[0], cpu: (spent.user + spent.system) / 1000 }))
    process.exit()
  `
    const shell = `ip link set lo up && echo '40000 40003' > /proc/sys/net/ipv4/ip_local_port_range && exec "$0" --input-type=module -e "$1"`
    const child = spawn('unshare', ['-rn', 'sh', '-c', shell, process.execPath, program], {
      stdio: ['ignore', 'pipe', 2]
    })
    t.teardown(() => child.kill('SIGKILL'))
    let text = ''
    child.stdout?.on('data', (chunk) => {
      text += chunk
    })
    await once(child, 'close')
    const told = JSON.parse(text) as {
      served: number
      events: DataPlaneEvent[]
      records: { termination: string }[]
      service: ServiceCounters
      cpu: number
    }
    t.equal(told.served, 9, 'eight at once, and one more when a port was free')
    t.same(
      told.records.map((record) => record.termination),
      ['RC', 'RC', 'RC', 'RC', 'CD'],
      'four found no port, and one was reset to free its own'
    )
    for (const record of told.records.slice(0, 4)) t.match(record, { termination: 'RC', retries: 3 })
    t.ok(told.events.length >= 16)
    for (const event of told.events) t.match(event, { type: 'connect-failed', error: 'EADDRNOTAVAIL' })
    t.match(
      told.service,
      { total: 13, servers: [{ failuresInRow: 0 }, { failuresInRow: 0 }] },
      'no fault of the servers'
    )
    t.ok(told.cpu < 150, `${told.cpu} ms of 200`)
  }
)

t.test('a table with a word or a number that cannot be is refused, and nothing changes', async (t: Test) => {
  const b = bench(t)
  const port = await freePort()
  await b.put(table(port, [1]))
  const before = JSON.stringify(b.counters())
  const good = table(port, [1])
  const wrong: Record<string, unknown>[] = [
    { algorithm: 'roundrobin' },
    { draws: 0 },
    { draws: 100 },
    { ring: [1, 1] },
    { ring: [4294967296, 0] },
    { ring: [5, 0, 4, 0] },
    { ring: ['1', 0] },
    { rotation: Array.from({ length: 65_536 }, () => 0) },
    { rotation: [Number.NaN] },
    { balanceFactor: -1 },
    { rateLimit: 'much' },
    { sourceMaxconn: -1 },
    { deny: '10.0.0.0/8' },
    { deny: [1] },
    { routes: [{ servername: 'a', service: 65_536 }] },
    { routes: ['a'] },
    { isTransparent: 1 },
    { tunnelTimeoutMs: -1 },
    { sessionLog: 'some' },
    { logSample: 0 },
    { listeners: ['127.0.0.1:80'] },
    { listeners: [{ ...listener('127.0.0.1', port), kind: 'udp' }] },
    { listeners: [{ ...listener('127.0.0.1', port), acceptProxy: undefined }] },
    { servers: [entry(1, 70_000)] },
    { servers: [{ ...entry(1, 1), weight: 65_536 }] },
    { servers: [{ ...entry(1, 1), sendProxy: 3 }] },
    { servers: [{ ...entry(1, 1), closeSessions: true }] },
    { servers: [null] }
  ]
  for (const one of wrong) {
    t.throws(
      () => b.plane.publish({ ...good, ...one } as unknown as ServiceTable),
      { name: /TypeError|RangeError/ },
      JSON.stringify(one).slice(0, 60)
    )
  }
  t.throws(() => b.plane.publish({ ...good, servers: [{ ...entry(1, 1), source: 'here' }] }), { code: 'EINVAL' })
  t.equal(JSON.stringify(b.counters()), before)
})
