import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import t, { type Test } from 'tap'
import { addon } from '../../src/os/addon.js'
import type { DataPlaneEvent, ServiceCounters } from '../../src/os/plane.js'
import {
  answered,
  bench,
  connect,
  freePort,
  listener,
  type Mode,
  portOf,
  python,
  serveName,
  table,
  until
} from './bench.js'

const MODES: readonly Mode[] = ['copy', 'splice']

/** Waits until nobody listens there; workers close their listeners in their own time. */
async function refuses(t: Test, port: number): Promise<void> {
  for (;;) {
    const client = connect(t, port)
    const how = await Promise.race([client.over, once(client.socket, 'connect').catch(() => client.over)])
    client.socket.destroy()
    if (how === 'ECONNREFUSED') return
  }
}

for (const mode of MODES) {
  t.test(`${mode}: publishing`, async (t) => {
    t.test('publishing again keeps sessions, listeners, counters and the turn', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const ports = await Promise.all(['a', 'b'].map(async (name) => portOf(await serveName(t, name))))
      b.plane.publish(table(port, ports))
      const first = await answered(t, port)
      b.plane.publish(table(port, ports, { keepalive: { idleS: 5, intervalS: 2, count: 2 }, userTimeoutMs: 9_000 }))
      const second = await answered(t, port)
      t.same([first.text(), second.text()], ['a', 'b'])
      first.socket.write('1')
      await until('first still served', () => first.text() === 'a1')
      t.match(b.counters(), { total: 2, current: 2, max: 2 })
    })

    t.test('a listener that is added opens, and one that is gone closes without cutting sessions', async (t) => {
      const b = bench(t, { mode })
      const [one, two] = [await freePort(), await freePort()]
      const servers = [portOf(await serveName(t, 'x'))]
      b.plane.publish(table(one, servers))
      const session = await answered(t, one)
      b.plane.publish(table(two, servers))
      await answered(t, two)
      await refuses(t, one)
      session.socket.write('y')
      await until('still served', () => session.text() === 'xy')
    })

    t.test('a withdrawn service refuses, its sessions go on, and it can come back at once', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const servers = [portOf(await serveName(t, 'x'))]
      for (let round = 0; round < 20; round++) {
        b.plane.publish(table(port, servers))
        b.plane.withdraw(1, false)
      }
      // A client that comes while the last listener but one still closes is reset with it.
      await refuses(t, port)
      b.plane.publish(table(port, servers))
      const session = await answered(t, port)
      b.plane.withdraw(1, false)
      await refuses(t, port)
      session.socket.write('y')
      await until('still served', () => session.text() === 'xy')
      session.socket.destroy()
      await until('gone', () => b.plane.counters().services.length === 0)
    })

    t.test('withdrawing with sessions resets clients', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      b.plane.publish(table(port, [portOf(await serveName(t, 'x'))]))
      const session = await answered(t, port)
      b.plane.withdraw(1, true)
      t.equal(await session.over, 'ECONNRESET')
      await until('gone', () => b.plane.counters().services.length === 0)
    })

    t.test('at maxconn the next client waits, and is served when one leaves', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      b.plane.publish(table(port, [portOf(await serveName(t, 'x'))], { maxconn: 1 }))
      for (let round = 0; round < 10; round++) {
        const first = await answered(t, port)
        const second = connect(t, port)
        await once(second.socket, 'connect')
        await until('accepting paused', () => b.counters().acceptPauses > round)
        t.match(b.counters(), { current: 1, max: 1 })
        t.equal(second.text(), '')
        first.socket.destroy()
        await once(second.socket, 'data')
        second.socket.destroy()
        await until('over', () => b.counters().current === 0)
      }
      t.equal(b.counters().total, 20)
    })

    t.test('a burst far above maxconn is served to the last client', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      b.plane.publish(table(port, [portOf(await serveName(t, 'x'))], { maxconn: 3 }))
      await Promise.all(
        Array.from({ length: 200 }, async () => {
          const client = await answered(t, port)
          client.socket.destroy()
        })
      )
      await until('over', () => b.counters().current === 0)
      t.match(b.counters(), { total: 200, refused: 0 })
      t.ok(b.counters().max <= 3)
    })

    t.test('the limit of the whole data plane holds over services', async (t) => {
      const b = bench(t, { mode, maxconn: 1 })
      const [one, two] = [await freePort(), await freePort()]
      const servers = [portOf(await serveName(t, 'x'))]
      b.plane.publish(table(one, servers))
      b.plane.publish({ ...table(two, servers), id: 2 })
      const first = await answered(t, one)
      const second = connect(t, two)
      await until('paused', () => b.counters(2).acceptPauses > 0)
      t.equal(b.counters(2).current, 0)
      first.socket.destroy()
      await once(second.socket, 'data')
    })
  })
}

t.test('a port that somebody else listens on is refused, and nothing changes', async (t) => {
  const servers = [portOf(await serveName(t, 'x'))]
  const mine = await freePort()
  const b = bench(t)
  b.plane.publish(table(mine, servers))
  const before = JSON.stringify(b.counters())

  const isTaken = (t: Test, port: number, address = '127.0.0.1'): void => {
    const listeners = [listener('127.0.0.1', mine), listener(address, port)]
    t.throws(() => b.plane.publish({ ...table(mine, []), listeners }), {
      code: 'EADDRINUSE',
      syscall: 'bind',
      message: new RegExp(`${port}`)
    })
    t.equal(JSON.stringify(b.counters()), before)
  }

  t.test('by an ordinary listener', async (t) => {
    const holder = net.createServer().listen(0, '127.0.0.1')
    t.teardown(() => holder.close())
    await once(holder, 'listening')
    isTaken(t, portOf(holder))
  })

  t.test('by a wildcard listener of both families', async (t) => {
    const holder = net.createServer().listen(0)
    t.teardown(() => holder.close())
    await once(holder, 'listening')
    isTaken(t, portOf(holder))
    isTaken(t, portOf(holder), '::1')
  })

  for (const host of ['127.0.0.1', '0.0.0.0']) {
    t.test(`by a listener on ${host} with SO_REUSEPORT of the same user`, async (t) => {
      const { line } = await python(
        t,
        `
import socket, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.bind(('${host}', 0)); s.listen(8)
print(s.getsockname()[1], flush=True)
time.sleep(60)
`
      )
      isTaken(t, Number(line))
    })
  }

  t.test('by another data plane in this process', async (t) => {
    const other = bench(t)
    const port = await freePort()
    other.plane.publish(table(port, []))
    isTaken(t, port)
  })

  t.test('by another service of the same data plane', async (t) => {
    const port = await freePort()
    b.plane.publish({ ...table(port, []), id: 2 })
    t.teardown(() => b.plane.withdraw(2, false))
    isTaken(t, port)
    isTaken(t, port, '0.0.0.0')
  })

  t.test('and the service still answers', async (t) => {
    t.equal((await answered(t, mine)).text(), 'x')
  })
})

t.test('events that JavaScript has no time for are dropped and counted', async (t) => {
  const b = bench(t)
  const port = await freePort()
  b.plane.publish(table(port, [await freePort(), await freePort()], { retries: 3 }))
  // spawnSync blocks the event loop while 400 clients cause four events each.
  const program = `
import socket
for _ in range(400):
    c = socket.create_connection(('127.0.0.1', ${port})); c.recv(1); c.close()
`
  t.equal(spawnSync('python3', ['-c', program]).status, 0)
  await until('events', () => b.events.length + b.plane.counters().eventsDropped === 1_600)
  t.ok(b.plane.counters().eventsDropped >= 1_600 - 1_024 - 1)
})

t.test('a wildcard and an address of one service may share a port', async (t) => {
  const b = bench(t)
  const port = await freePort()
  const listeners = ['0.0.0.0', '127.0.0.1', '127.0.0.1'].map((address) => listener(address, port))
  b.plane.publish({ ...table(port, [portOf(await serveName(t, 'x'))]), listeners })
  b.plane.publish({ ...table(port, [portOf(await serveName(t, 'x'))]), listeners: listeners.slice(1) })
  t.equal((await answered(t, port)).text(), 'x')
})

t.test('an address that this host does not have can be listened on', async (t) => {
  const b = bench(t)
  const port = await freePort()
  const listeners = [listener('192.0.2.1', port), listener('2001:db8::1', port)]
  b.plane.publish({ ...table(port, []), listeners })
  t.equal(b.counters().id, 1)
})

t.test('a table that makes no sense is refused', async (t) => {
  const b = bench(t)
  const port = await freePort()
  t.throws(() => b.plane.publish(table(port, [1], { rotation: [1] })), { name: 'RangeError' })
  t.throws(() => b.plane.publish({ ...table(port, []), listeners: [listener('host.example', port)] }), {
    code: 'EINVAL'
  })
  t.throws(() => new (addon().DataPlane)({ threads: 0, mode: 'copy', maxconn: 1, pipes: 8 }, () => {}), {
    name: 'RangeError'
  })
  t.same(b.plane.counters().services, [])
})

t.test('every worker goes round at least every 250 ms, also when nothing happens', async (t) => {
  const b = bench(t, { threads: 3 })
  const before = b.plane.counters().heartbeats
  t.equal(before.length, 3)
  await until('all went round', () => b.plane.counters().heartbeats.every((now, i) => now > (before[i] ?? 0)), 1_000)
})

t.test('when descriptors run out accepting pauses, and everybody is served in the end', async (t) => {
  const port = await freePort()
  const server = portOf(await serveName(t, 'x'))
  const program = `
    import { addon } from ${JSON.stringify(new URL('../../src/os/addon.js', import.meta.url).href)}
    const events = []
    const plane = new (addon().DataPlane)({ threads: 1, mode: 'copy', maxconn: 1000, pipes: 16 }, (event) => events.push(event))
    plane.publish(${JSON.stringify(table(port, [server]))})
    setInterval(() => process.send({ events, service: plane.counters().services[0] }), 20)
    process.on('disconnect', () => process.exit())
  `
  const starving = 'ulimit -n 60; exec "$0" --input-type=module -e "$1"'
  const child = spawn('sh', ['-c', starving, process.execPath, program], { stdio: ['ignore', 2, 2, 'ipc'] })
  t.teardown(() => child.kill('SIGKILL'))
  let last: { events: DataPlaneEvent[]; service: ServiceCounters } | undefined
  child.on('message', (message) => {
    last = message as typeof last
  })
  await once(child, 'message')
  const clients = Array.from({ length: 60 }, () => connect(t, port))
  const served = (): number => clients.filter((client) => client.text() === 'x').length
  await until('paused', () => (last?.service.acceptPauses ?? 0) > 0 && (last?.events.length ?? 0) > 0)
  t.ok(served() < 60)
  t.same(last?.events[0], { type: 'accept-failed', service: 1, server: -1, error: 'EMFILE' })
  await until('all served', () => {
    for (const client of clients) if (client.text() === 'x') client.socket.destroy()
    return served() === 60
  })
  t.match(last, { service: { refused: 0, servers: [{ connectErrors: 0 }] } })
})

t.test('stopping ends sessions and threads, twice is once, and the process may exit', async (t) => {
  const b = bench(t)
  const port = await freePort()
  b.plane.publish(table(port, [portOf(await serveName(t, 'x'))]))
  const session = await answered(t, port)
  b.plane.stop()
  b.plane.stop()
  t.match(await session.over, /end|ECONNRESET/)
  t.throws(() => b.plane.publish(table(port, [])), { code: 'ESHUTDOWN' })
  t.match(b.counters(), { current: 0, total: 1 })
})
