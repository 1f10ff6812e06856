import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type net from 'node:net'
import t from 'tap'
import {
  answered,
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

const MODES: readonly Mode[] = ['copy', 'splice', 'hybrid']
const BLOCK = randomBytes(1 << 20)

/** Writes `blocks` MiB and ends; resolves with the digest of what was sent. */
async function send(socket: net.Socket, blocks: number): Promise<string> {
  const hash = createHash('sha256')
  for (let i = 0; i < blocks; i++) {
    const part = Buffer.concat([Buffer.from(String(i)), BLOCK])
    hash.update(part)
    if (!socket.write(part)) await once(socket, 'drain')
  }
  socket.end()
  return hash.digest('hex')
}

async function receive(socket: net.Socket): Promise<string> {
  const hash = createHash('sha256')
  socket.on('data', (chunk) => hash.update(chunk))
  socket.resume()
  await once(socket, 'end')
  return hash.digest('hex')
}

for (const mode of MODES) {
  t.test(`${mode}: traffic`, async (t) => {
    t.test('a small exchange passes both ways, and the counters see it while it flows', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      b.plane.publish(table(port, [portOf(await serveName(t, 'hello'))]))
      const client = await answered(t, port)
      client.socket.write('ping')
      await until('echo', () => client.text() === 'helloping')
      t.match(b.counters(), { current: 1, max: 1, total: 1, bytesIn: 4, bytesOut: 9 })
      t.match(b.server(1), { current: 1, total: 1, bytesIn: 4, bytesOut: 9 })
      client.socket.end()
      t.equal(await client.over, 'end')
      await until('session over', () => b.counters().current === 0)
      t.match(b.server(1), { current: 0, total: 1 })
    })

    t.test('64 MiB each way at the same time arrive unchanged', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const digests: Promise<string>[] = []
      const server = await serve(t, (socket) => {
        digests.push(receive(socket), send(socket, 64))
      })
      b.plane.publish(table(port, [portOf(server)]))
      const client = connect(t, port)
      client.socket.removeAllListeners('data')
      const [got, sent] = await Promise.all([receive(client.socket), send(client.socket, 64)])
      const [theirs, back] = await Promise.all(digests)
      t.equal(theirs, sent)
      t.equal(got, back)
      await until('session over', () => b.counters().current === 0)
      t.equal(b.counters().bytesIn, b.counters().bytesOut)
      const spliced = b.plane.counters().bytesSpliced
      if (mode === 'copy') t.equal(spliced, 0)
      if (mode === 'splice') t.equal(spliced, b.counters().bytesIn * 2)
    })

    t.test('a reader that stops holds the writer back, and loses nothing', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      let sent: Promise<string> | undefined
      const server = await serve(t, (socket) => {
        sent = send(socket, 64)
        socket.resume()
      })
      b.plane.publish(table(port, [portOf(server)]))
      const client = connect(t, port)
      client.socket.removeAllListeners('data')
      client.socket.pause()
      let last = 0
      let still = 0
      await until('no byte flows any more', () => {
        const now = b.counters().bytesOut
        still = now === last && now > 0 ? still + 1 : 0
        last = now
        return still === 20
      })
      t.ok(last < 48 << 20, `held back after ${last} bytes`)
      client.socket.end()
      t.equal(await receive(client.socket), await sent)
    })

    t.test('when the client has said all, the server still answers', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = await serve(t, (socket) => {
        let text = ''
        socket.on('data', (chunk) => {
          text += chunk.toString()
        })
        socket.on('end', () => setTimeout(() => socket.end(`you said ${text}`), 50))
      })
      b.plane.publish(table(port, [portOf(server)]))
      const client = connect(t, port)
      client.socket.end('all')
      t.equal(await client.over, 'end')
      t.equal(client.text(), 'you said all')
      await until('session over', () => b.counters().current === 0)
      t.match(b.counters().aborts, { client: 0, server: 0 })
    })

    t.test('when the server has said all, the client may go on', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      let heard = ''
      const server = await serve(t, (socket) => {
        socket.end('that is all')
        socket.on('data', (chunk) => {
          heard += chunk.toString()
        })
      })
      b.plane.publish(table(port, [portOf(server)]))
      const client = connect(t, port)
      t.equal(await client.over, 'end')
      t.equal(client.text(), 'that is all')
      client.socket.write('but ')
      await until('first half', () => heard === 'but ')
      client.socket.end('I am not done')
      await until('all', () => heard === 'but I am not done')
      await until('session over', () => b.counters().current === 0)
      t.match(b.counters().aborts, { client: 0, server: 0 })
    })

    t.test('a reset by the client is a reset for the server', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      let over: Promise<unknown> = Promise.resolve()
      const server = await serve(t, (socket) => {
        over = new Promise((resolve) => socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code)))
        socket.write('x')
        socket.resume()
      })
      b.plane.publish(table(port, [portOf(server)]))
      const client = await answered(t, port)
      client.socket.resetAndDestroy()
      t.equal(await over, 'ECONNRESET')
      await until('session over', () => b.counters().current === 0)
      t.match(b.counters().aborts, { client: 1, server: 0 })
    })

    t.test('a reset by the server is an end for the client, after what was sent before', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = await serve(t, (socket) => {
        socket.on('data', () => socket.resetAndDestroy())
        socket.write('last words')
      })
      b.plane.publish(table(port, [portOf(server)]))
      const client = await answered(t, port)
      client.socket.write('x')
      t.equal(await client.over, 'end')
      t.equal(client.text(), 'last words')
      await until('session over', () => b.counters().current === 0)
      t.match(b.counters().aborts, { client: 0, server: 1 })
    })

    t.test('an idle client is closed after its timeout, and its server is reset', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      let reset: Promise<unknown> = Promise.resolve()
      const server = await serve(t, (socket) => {
        reset = new Promise((resolve) => socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code)))
        socket.write('x')
        socket.resume()
      })
      b.plane.publish(table(port, [portOf(server)], { clientTimeoutMs: 150 }))
      const client = await answered(t, port)
      t.equal(await client.over, 'end')
      t.equal(await reset, 'ECONNRESET')
      t.match(b.counters().timeouts, { connect: 0, client: 1, server: 0 })
    })

    t.test('an idle server is closed after its timeout', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      b.plane.publish(table(port, [portOf(await serveName(t, 'x'))], { serverTimeoutMs: 150 }))
      const client = await answered(t, port)
      t.equal(await client.over, 'end')
      t.match(b.counters().timeouts, { connect: 0, client: 0, server: 1 })
    })

    t.test('traffic in one direction keeps both sides from being idle', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = await serve(t, (socket) => socket.resume())
      b.plane.publish(table(port, [portOf(server)], { clientTimeoutMs: 200, serverTimeoutMs: 200 }))
      const client = connect(t, port)
      const began = performance.now()
      const timer = setInterval(() => client.socket.write('x'), 40)
      t.teardown(() => clearInterval(timer))
      await until('three times the timeout', () => performance.now() - began > 600)
      t.match(b.counters(), { current: 1, timeouts: { client: 0, server: 0 } })
      clearInterval(timer)
      t.equal(await client.over, 'end')
    })

    t.test('a client that does not read is the idle one, not the server that waits for it', async (t) => {
      const b = bench(t, { mode })
      const port = await freePort()
      const server = await serve(t, (socket) => {
        send(socket, 64).catch(() => {})
      })
      b.plane.publish(table(port, [portOf(server)], { clientTimeoutMs: 2000, serverTimeoutMs: 1000 }))
      const client = connect(t, port)
      client.socket.pause()
      await until('session over', () => b.counters().total === 1 && b.counters().current === 0)
      t.match(b.counters().timeouts, { client: 1, server: 0 })
    })
  })
}

t.test('hybrid moves a busy stream to splice and leaves small talk alone', async (t) => {
  const b = bench(t, { mode: 'hybrid', threads: 1 })
  const port = await freePort()
  b.plane.publish(table(port, [portOf(await serveName(t, 'x'))]))
  const client = await answered(t, port)
  for (let i = 0; i < 50; i++) {
    client.socket.write('y')
    await once(client.socket, 'data')
  }
  t.equal(b.plane.counters().bytesSpliced, 0)
  client.socket.write(Buffer.alloc(64 << 20))
  await until('echoed', () => b.counters().bytesOut === 51 + (64 << 20))
  t.ok(b.plane.counters().bytesSpliced > 0)
})

t.test('it works over IPv6', async (t) => {
  const b = bench(t)
  const port = await freePort('::1')
  const server = await serve(t, (socket) => socket.end('six'), '::1')
  b.plane.publish({
    ...table(port, []),
    listeners: [listener('::1', port)],
    servers: [entry(1, portOf(server), { address: '::1' })],
    rotation: [0]
  })
  const client = connect(t, port, '::1')
  t.equal(await client.over, 'end')
  t.equal(client.text(), 'six')
})
