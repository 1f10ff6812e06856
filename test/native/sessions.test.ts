import { once } from 'node:events'
import t from 'tap'
import {
  answered,
  bench,
  blackHole,
  type Client,
  connect,
  entry,
  freePort,
  type Mode,
  portOf,
  serve,
  serveName,
  table,
  until
} from './bench.js'

const MODES: readonly Mode[] = ['copy', 'splice']

t.test('living sessions', async (t) => {
  t.test('are told of with all that is known, oldest first', async (t) => {
    const b = bench(t, { threads: 3 })
    const port = await freePort()
    let local = ''
    const server = await serve(t, (socket) => {
      local = `${socket.remoteAddress}:${socket.remotePort}`
      socket.write('hello')
    })
    await b.put(table(port, [portOf(server)]))
    const first = await answered(t, port)
    const { localPort } = first.socket
    const [only] = await b.sessions()
    t.match(only, {
      service: 1,
      backend: 1,
      server: 1,
      client: `127.0.0.1:${localPort}`,
      listener: `127.0.0.1:${port}`,
      local,
      bytesIn: 0,
      bytesOut: 5,
      state: 'established'
    })
    for (let i = 0; i < 8; i++) {
      await new Promise((resolve) => setTimeout(resolve, 3))
      await answered(t, port)
    }
    const all = await b.sessions()
    t.equal(all.length, 9)
    t.equal(all[0]?.id, only?.id)
    for (let i = 1; i < 9; i++) t.ok((all[i]?.ageMs ?? 0) <= (all[i - 1]?.ageMs ?? 0))
    t.equal(new Set(all.map((one) => one.id)).size, 9)
  })

  t.test('as endpoints, 36 bytes each: client and listener of those that are established', async (t) => {
    const b = bench(t, { threads: 2 })
    const [port, full] = [await freePort(), await freePort()]
    const server = await serveName(t, 'x')
    await b.put(table(port, [portOf(server)]))
    await b.put({ ...table(full, [await blackHole(t)], { connectTimeoutMs: 60_000 }), id: 2 })
    const clients = [await answered(t, port), await answered(t, port)]
    await connect(t, full)
    const endpoints = await new Promise<Buffer>((resolve) => b.plane.endpoints(65_536, resolve))
    t.equal(endpoints.length, 2 * 36, 'the one that is still connecting is not among them')
    const found = [0, 36].map((from) => {
      const one = endpoints.subarray(from, from + 36)
      t.equal(one.subarray(0, 16).toString('hex'), '00000000000000000000ffff7f000001')
      t.equal(one.subarray(18, 34).toString('hex'), '00000000000000000000ffff7f000001')
      t.equal(one.readUInt16BE(34), port)
      return one.readUInt16BE(16)
    })
    t.strictSame(found.sort(), clients.map(({ socket }) => socket.localPort ?? 0).sort())
    const one = await new Promise<Buffer>((resolve) => b.plane.endpoints(0, resolve))
    t.equal(one.length, 0, 'at most as many as asked for')
  })

  t.test('in every state', async (t) => {
    const b = bench(t, { threads: 1 })
    const [one, two] = [await freePort(), await freePort()]
    await b.put({ ...table(one, [await blackHole(t)], { connectTimeoutMs: 60_000 }), id: 1 })
    const full = portOf(await serveName(t, 'x'))
    await b.put({ ...table(two, [full], { servers: [entry(7, full, { maxconn: 1 })] }), id: 2 })
    connect(t, one)
    await answered(t, two)
    connect(t, two)
    await until('queued', () => b.counters(2).queued === 1)
    await until('connecting', () => b.counters(1).current === 1)
    t.match(await b.sessions({ service: 1 }), [{ state: 'connecting', server: 1, local: String }])
    t.match(await b.sessions({ service: 2 }), [
      { state: 'established', server: 7 },
      { state: 'queued', server: -1, local: '' }
    ])
    t.equal((await b.sessions()).length, 3)
  })

  t.test('by service, server and silence, and no more than asked for', async (t) => {
    const b = bench(t, { threads: 2 })
    const port = await freePort()
    const ports = await Promise.all(['a', 'b'].map(async (name) => portOf(await serveName(t, name))))
    await b.put(table(port, ports))
    const clients: Client[] = []
    for (let i = 0; i < 6; i++) clients.push(await answered(t, port))
    t.equal((await b.sessions({ server: 1 })).length, 3)
    t.equal((await b.sessions({ server: 2, service: 1 })).length, 3)
    t.same(await b.sessions({ server: 2, service: 3 }), [])
    t.same(await b.sessions({ service: 3 }), [])
    await new Promise((resolve) => setTimeout(resolve, 120))
    clients[0]?.socket.write('!')
    await until('echo', () => clients[0]?.text() === 'a!')
    t.equal((await b.sessions({ quietMs: 100 })).length, 5)
    t.equal((await b.sessions({ quietMs: 60_000 })).length, 0)
    t.ok((await b.sessions({ most: 1 })).length <= 2, 'one of each thread')
    t.same(await b.sessions({ most: 0 }), [])
  })

  t.test('a thousand of them, over many turns of the loop', async (t) => {
    const b = bench(t, { threads: 2 })
    const port = await freePort()
    await b.put(table(port, [portOf(await serveName(t, 'x'))]))
    await Promise.all(Array.from({ length: 1000 }, () => answered(t, port)))
    const all = await b.sessions({ most: 65_536 })
    t.equal(all.length, 1000)
    t.equal(new Set(all.map((one) => one.client)).size, 1000)
    const [some, others] = await Promise.all([b.sessions({ most: 100 }), b.sessions({ server: 1, most: 65_536 })])
    t.ok(some.length <= 200 && some.length >= 100)
    t.equal(others.length, 1000)
  })

  t.test('a filter that makes no sense is refused, and a plane that was stopped says nothing', async (t) => {
    const b = bench(t)
    const filter = { service: -1, server: -1, quietMs: 0, most: 10 }
    for (const wrong of [{ service: 65_536 }, { server: -2 }, { quietMs: -1 }, { most: 65_537 }, { most: Number.NaN }])
      t.throws(() => b.plane.sessions({ ...filter, ...wrong }, () => {}), { name: 'RangeError' })
    let told = 0
    b.plane.sessions(filter, () => told++)
    b.plane.stop()
    b.plane.sessions(filter, () => told++)
    b.plane.kill(65, 0)
    t.same(b.plane.records(10), [])
    await new Promise((resolve) => setTimeout(resolve, 50))
    t.equal(told, 0)
  })

  t.test('no more than 256 questions wait for an answer', async (t) => {
    const b = bench(t)
    const filter = { service: -1, server: -1, quietMs: 0, most: 10 }
    let told = 0
    for (let i = 0; i < 256; i++) b.plane.sessions(filter, () => told++)
    t.throws(() => b.plane.sessions(filter, () => {}), { code: 'EAGAIN' })
    await until('all answered', () => told === 256)
    t.same(await b.sessions(), [])
  })
})

for (const mode of MODES) {
  t.test(`${mode}: killing one session`, async (t) => {
    t.test('is FIN for its client, RST for its server, and nothing for others', async (t) => {
      const b = bench(t, { mode, threads: 3 })
      const port = await freePort()
      const resets: (string | undefined)[] = []
      const server = await serve(t, (socket) => {
        socket.on('error', (error: NodeJS.ErrnoException) => resets.push(error.code))
        socket.write('x')
        socket.pipe(socket)
      })
      await b.put(table(port, [portOf(server)], { sessionLog: 'all' }))
      const clients = []
      for (let i = 0; i < 5; i++) clients.push(await answered(t, port))
      const [, , target] = await b.sessions()
      const victim = clients.find((client) => target?.client.endsWith(`:${client.socket.localPort}`))
      b.plane.kill(target?.id ?? 0, 0)
      t.equal(await victim?.over, 'end')
      t.match(await b.record(), { id: target?.id, termination: 'K-', server: 1 })
      await until('server told', () => resets.length === 1)
      t.same(resets, ['ECONNRESET'])
      t.match(b.server(1), { killed: 1, current: 4, total: 5 })
      for (const client of clients) {
        if (client === victim) continue
        client.socket.write('!')
        await until('still served', () => client.text() === 'x!')
      }
      b.plane.kill(target?.id ?? 0, 0)
      b.plane.kill(Number.MAX_SAFE_INTEGER, 0)
      t.equal((await b.sessions()).length, 4)
    })

    t.test('spares it if it has had a byte since', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      await b.put(table(port, [portOf(await serveName(t, 'x'))]))
      const client = await answered(t, port)
      const [target] = await b.sessions()
      b.plane.kill(target?.id ?? 0, 60_000)
      t.equal((await b.sessions()).length, 1)
      await new Promise((resolve) => setTimeout(resolve, 60))
      b.plane.kill(target?.id ?? 0, 50)
      t.equal(await client.over, 'end')
    })

    t.test('works in any state', async (t) => {
      const b = bench(t, { mode, threads: 2 })
      const [one, two] = [await freePort(), await freePort()]
      const more = { connectTimeoutMs: 60_000, sessionLog: 'all' } as const
      await b.put(table(one, [await blackHole(t)], more))
      const full = portOf(await serveName(t, 'x'))
      await b.put({ ...table(two, [full], { ...more, servers: [entry(7, full, { maxconn: 1 })] }), id: 2 })
      const connecting = connect(t, one)
      const established = await answered(t, two)
      const queued = connect(t, two)
      await until('all there', () => b.counters(1).current === 1 && b.counters(2).queued === 1)
      const ends: string[] = []
      for (const state of ['connecting', 'queued', 'established'] as const) {
        const target = (await b.sessions()).find((session) => session.state === state)
        b.plane.kill(target?.id ?? 0, 0)
        ends.push((await b.record()).termination)
      }
      t.same(ends, ['KC', 'KQ', 'K-'])
      for (const client of [connecting, queued, established]) t.equal(await client.over, 'end')
      t.match(b.counters(2), { queued: 0, current: 0 })
    })

    t.test('a killed session is told the last bytes that were in hand', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = await serve(t, (socket) => socket.write('y'.repeat(100)))
      await b.put(table(port, [portOf(server)]))
      const client = connect(t, port)
      await once(client.socket, 'data')
      const [target] = await b.sessions()
      b.plane.kill(target?.id ?? 0, 0)
      t.equal(await client.over, 'end')
      t.equal(client.text(), 'y'.repeat(100))
    })
  })
}
