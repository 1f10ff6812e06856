import { once } from 'node:events'
import type net from 'node:net'
import t, { type Test } from 'tap'
import type { ServiceTable } from '../../src/os/plane.js'
import {
  answered,
  type Bench,
  bench,
  blackHole,
  type Client,
  connect,
  freePort,
  type Mode,
  portOf,
  serve,
  table,
  until
} from './bench.js'

const MODES: readonly Mode[] = ['copy', 'splice']

interface Pair extends Bench {
  readonly client: Client
  readonly server: Bench['server']
  /** The server's end of the session. */
  readonly remote: net.Socket
  readonly publish: (more: Partial<ServiceTable>) => Promise<void>
}

/** One session, with a record at its end. The server says 'x' first. */
async function pair(t: Test, mode: Mode, more: Partial<ServiceTable>): Promise<Pair> {
  const b = bench(t, { mode })
  const port = await freePort()
  const remotes: net.Socket[] = []
  const server = await serve(t, (socket) => {
    remotes.push(socket)
    socket.write('x')
  })
  const publish = (changed: Partial<ServiceTable>): Promise<void> =>
    b.put(table(port, [portOf(server)], { sessionLog: 'all', ...more, ...changed }))
  await publish({})
  const client = await answered(t, port)
  const [remote] = remotes
  if (!remote) throw new Error('no session')
  return { ...b, client, remote, publish }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

for (const mode of MODES) {
  t.test(`${mode}: timeouts`, async (t) => {
    t.test('a tunnel has its own instead of both, and it is told as the client’s', async (t) => {
      const p = await pair(t, mode, { clientTimeoutMs: 50, serverTimeoutMs: 50, tunnelTimeoutMs: 250 })
      p.remote.resume()
      const began = performance.now()
      t.equal(await p.client.over, 'end')
      t.ok(performance.now() - began >= 200)
      t.match(p.counters().timeouts, { client: 1, server: 0 })
      t.match(await p.record(), { termination: 'cD' })
    })

    t.test('a server that was told that the client has ended has serverFinTimeoutMs', async (t) => {
      const p = await pair(t, mode, { serverFinTimeoutMs: 150, tunnelTimeoutMs: 60_000 })
      p.remote.resume()
      await pause(200)
      t.equal(p.counters().current, 1, 'not before')
      const began = performance.now()
      p.client.socket.end()
      t.equal(await p.client.over, 'end')
      t.ok(performance.now() - began >= 145)
      t.match(p.counters().timeouts, { client: 0, server: 1 })
      t.match(await p.record(), { termination: 'sD' })
    })

    t.test('… but not while it has something to say', async (t) => {
      const p = await pair(t, mode, { serverFinTimeoutMs: 150 })
      p.client.socket.end()
      for (let i = 0; i < 10; i++) {
        await pause(40)
        p.remote.write('y')
      }
      t.equal(p.counters().current, 1)
      p.remote.end()
      t.equal(await p.client.over, 'end')
      t.equal(p.client.text(), `x${'y'.repeat(10)}`)
      t.match(await p.record(), { termination: '--', bytesOut: 11 })
    })

    t.test('a client that was told that the server has ended has clientFinTimeoutMs', async (t) => {
      const p = await pair(t, mode, { clientFinTimeoutMs: 150 })
      const closed = once(p.remote, 'close')
      p.remote.on('error', () => {})
      p.remote.end()
      p.remote.resume()
      t.equal(await p.client.over, 'end')
      await closed
      t.match(p.counters().timeouts, { client: 1, server: 0 })
      t.match(await p.record(), { termination: /cD|cL/ })
    })

    t.test('a client that talks but does not read is stuck', async (t) => {
      const p = await pair(t, mode, { clientTimeoutMs: 200 })
      p.client.socket.pause()
      p.remote.on('error', () => {})
      p.remote.resume()
      const talk = setInterval(() => p.client.socket.write('y'), 30)
      t.teardown(() => clearInterval(talk))
      p.remote.write(Buffer.alloc(32 << 20))
      t.match(await p.record(), { termination: 'cD' })
      t.match(p.counters().timeouts, { client: 1, server: 0 })
    })

    t.test('a server that does not read is stuck, though the client waits for it', async (t) => {
      const p = await pair(t, mode, { serverTimeoutMs: 200, clientTimeoutMs: 100 })
      p.remote.pause()
      const talk = setInterval(() => p.remote.write('y'), 30)
      t.teardown(() => clearInterval(talk))
      p.client.socket.write(Buffer.alloc(32 << 20))
      t.match(await p.record(), { termination: 'sD' })
      t.match(p.counters().timeouts, { client: 0, server: 1 })
    })

    t.test('what is published applies to sessions that live', async (t) => {
      const p = await pair(t, mode, {})
      p.remote.resume()
      await p.publish({ serverTimeoutMs: 60_000 })
      await p.publish({ serverTimeoutMs: 100 })
      t.equal(await p.client.over, 'end')
      t.match(p.counters().timeouts, { client: 0, server: 1 })
    })

    t.test('a timeout that is taken back does not end what lives', async (t) => {
      const p = await pair(t, mode, { clientTimeoutMs: 150 })
      await p.publish({ clientTimeoutMs: 0 })
      await pause(300)
      t.equal(p.counters().current, 1)
    })

    t.test('what is published applies to sessions that connect', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const ports = [await blackHole(t)]
      await b.put(table(port, ports, { connectTimeoutMs: 60_000, retries: 0 }))
      const client = connect(t, port)
      await until('accepted', () => b.counters().current === 1)
      await b.put(table(port, ports, { connectTimeoutMs: 80, retries: 0 }))
      t.equal(await client.over, 'end')
      t.match(b.counters().timeouts, { connect: 1 })
    })
  })
}
