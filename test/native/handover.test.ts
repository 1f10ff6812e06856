import { createHash } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import t, { type Test } from 'tap'
import { addon } from '../../src/os/addon.js'
import type { HandedPlane } from '../../src/os/plane.js'
import {
  type Bench,
  bench,
  blackHole,
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

/** Sessions that go on in another data plane: here two of them in one process, which is no different for the sockets. */

t.setTimeout(120_000)
const MODES: readonly Mode[] = ['copy', 'splice', 'hybrid']

const handOver = ({ plane }: Bench): Promise<HandedPlane> => new Promise((resolve) => plane.handOver(resolve))

function take({ plane }: Bench, handed: HandedPlane): void {
  for (const { place, descriptor } of handed.listeners) plane.offer(place, descriptor)
}

/** A server that sends back what it gets. */
const echo = (t: Test) =>
  serve(t, (socket) => {
    socket.pipe(socket)
    socket.on('error', () => undefined)
  })

/** Sends numbered words all the time, and looks at every byte that comes back. */
function talker(t: Test, port: number) {
  const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  t.teardown(() => socket.destroy())
  let sent = 0
  let got = ''
  let lost: string | undefined
  socket.on('error', (error) => {
    lost = error.message
  })
  socket.on('close', () => {
    lost ??= 'closed'
  })
  socket.on('data', (piece: Buffer) => {
    got += piece.toString('latin1')
    while (got.includes('\n')) {
      const end = got.indexOf('\n')
      if (got.slice(0, end) !== String(answered)) lost = `${got.slice(0, end)} instead of ${answered}`
      answered++
      got = got.slice(end + 1)
    }
  })
  let answered = 0
  const timer = setInterval(() => {
    for (let i = 0; i < 5; i++) socket.write(`${sent++}\n`)
  }, 2)
  t.teardown(() => clearInterval(timer))
  return {
    socket,
    stop: () => clearInterval(timer),
    get lost() {
      return lost
    },
    get sent() {
      return sent
    },
    get answered() {
      return answered
    }
  }
}

for (const mode of MODES) {
  t.test(`${mode}: hundreds that talk all the time go from one to the other ten times, no byte lost`, async (t) => {
    const server = await echo(t)
    const port = await freePort()
    const wanted = table(port, [portOf(server)])
    let from = bench(t, { mode })
    await from.put(wanted)
    const talkers = Array.from({ length: 200 }, () => talker(t, port))
    await until('all talk', () => talkers.every(({ answered }) => answered > 5))
    for (let round = 0; round < 10; round++) {
      const to = bench(t, { mode, threads: 1 + (round % 3) })
      const handed = await handOver(from)
      t.equal(handed.descriptors.length, 400)
      t.equal(from.counters().current, 0)
      take(to, handed)
      await to.put(wanted)
      to.plane.adopt(handed.sessions, handed.descriptors)
      from.plane.stop()
      const before = talkers.map(({ answered }) => answered)
      await until('all go on', () => talkers.every(({ answered }, i) => answered > (before[i] ?? 0) + 10))
      t.equal(to.counters().current, 200)
      t.equal(to.server(1).current, 200)
      from = to
    }
    for (const one of talkers) one.stop()
    await until('every word came back', () => talkers.every(({ sent, answered }) => sent === answered))
    t.strictSame(
      talkers.flatMap(({ lost }) => (lost === undefined ? [] : [lost])),
      []
    )
    for (const { socket } of talkers) socket.end()
    await until('all ended', () => from.counters().current === 0)
    t.equal(from.server(1).current, 0)
  })

  t.test(`${mode}: what is in pipes and buffers goes along, both ways, however slow the other end reads`, async (t) => {
    const size = 24 << 20
    const bytes = Buffer.alloc(size, 'the quick brown fox jumps over the lazy dog 0123456789')
    const sum = (of: Buffer): string => createHash('sha256').update(of).digest('hex')
    const upward = createHash('sha256')
    let up = 0
    const server = await serve(t, (socket) => {
      socket.on('error', () => undefined)
      socket.end(bytes)
      socket.pause()
      setTimeout(() => socket.resume(), 300)
      socket.on('data', (piece: Buffer) => {
        upward.update(piece)
        up += piece.length
      })
    })
    const port = await freePort()
    let from = bench(t, { mode })
    await from.put(table(port, [portOf(server)]))
    const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true })
    t.teardown(() => socket.destroy())
    const down = createHash('sha256')
    let got = 0
    socket.on('data', (piece: Buffer) => {
      down.update(piece)
      got += piece.length
      socket.pause()
      setTimeout(() => socket.resume(), 1)
    })
    socket.end(bytes)
    await until('some came', () => got > 100_000)
    for (let round = 0; round < 8 && got < size; round++) {
      const to = bench(t, { mode })
      const handed = await handOver(from)
      take(to, handed)
      await to.put(table(port, [portOf(server)]))
      to.plane.adopt(handed.sessions, handed.descriptors)
      from.plane.stop()
      from = to
      const before = got
      await until('more', () => got > before || got === size)
    }
    await until('all of it, both ways', () => got === size && up === size, 60_000)
    t.equal(down.digest('hex'), sum(bytes))
    t.equal(upward.digest('hex'), sum(bytes))
    await until('it ended', () => from.counters().current === 0)
  })
}

t.test('half-closed ones stay half-closed, and end when the other half does', async (t) => {
  let serverSocket: net.Socket | undefined
  const server = await serve(t, (socket) => {
    serverSocket = socket
    socket.write('hello')
  })
  const port = await freePort()
  const [from, to] = [bench(t), bench(t)]
  await from.put(table(port, [portOf(server)]))
  const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  t.teardown(() => socket.destroy())
  let text = ''
  socket.on('data', (piece: Buffer) => {
    text += piece.toString()
  })
  socket.end('bye')
  await until('the server has its FIN', () => serverSocket?.readableEnded === true || text === 'hello')
  const handed = await handOver(from)
  take(to, handed)
  await to.put(table(port, [portOf(server)]))
  to.plane.adopt(handed.sessions, handed.descriptors)
  from.plane.stop()
  serverSocket?.end(' and good night')
  await once(socket, 'end')
  t.equal(text, 'hello and good night')
  await until('it ended', () => to.counters().current === 0)
})

t.test('those without a server yet begin anew: on the way, in a queue, before their ClientHello', async (t) => {
  const port = await freePort()
  const [hole, named] = [await blackHole(t), await serveName(t, 'A')]
  const slow = { connectTimeoutMs: 60_000 }
  const from = bench(t, { threads: 1 })
  await from.put(table(port, [hole], slow))
  const waiting = await connect(t, port)
  waiting.socket.write('first words')
  const queuePort = await freePort()
  await from.put({ ...table(queuePort, [], slow), id: 2, servers: [entry(1, hole, { maxconn: 1 })], rotation: [0] })
  const queued = [await connect(t, queuePort), await connect(t, queuePort)]
  const routePort = await freePort()
  const routes = [{ servername: 'nobody.example', service: 1 }]
  await from.put({ ...table(routePort, [hole], slow), id: 3, routes })
  const shy = await connect(t, routePort)
  shy.socket.write('\x16')
  const states = async (): Promise<string> => (await from.sessions()).map(({ state }) => state).join(' ')
  const all = 'connecting connecting queued handshake'
  while ((await states()) !== all) await new Promise((resolve) => setTimeout(resolve, 5))
  const handed = await handOver(from)
  t.equal(handed.descriptors.length, 4, 'their clients’ sockets alone')
  const to = bench(t, { threads: 2 })
  take(to, handed)
  await to.put(table(port, [portOf(named)], slow))
  await to.put({ ...table(queuePort, [portOf(named)], slow), id: 2 })
  await to.put({ ...table(routePort, [portOf(named)], slow), id: 3, routes })
  to.plane.adopt(handed.sessions, handed.descriptors)
  from.plane.stop()
  for (const client of queued) await until('an answer', () => client.text() === 'A')
  await until('its first words were not forgotten', () => waiting.text() === 'Afirst words')
  shy.socket.write('not a hello at all')
  await until('the last one', () => shy.text() === 'A\x16not a hello at all')
})

for (const [threads, later] of [
  [2, 2],
  [4, 1],
  [3, 2],
  [1, 3]
] as const)
  t.test(`connections that nobody of ${threads} had accepted yet are accepted by the other ${later}`, async (t) => {
    const server = await serveName(t, 'B')
    const port = await freePort()
    const from = bench(t, { threads })
    await from.put(table(port, [portOf(server)]))
    const handed = await handOver(from)
    t.equal(handed.listeners.length, threads)
    // It accepts no more: these wait in the queues of its listeners.
    const clients = await Promise.all(Array.from({ length: 40 }, () => connect(t, port)))
    await Promise.all(clients.map(({ socket }) => once(socket, 'connect')))
    t.equal(from.counters().total, 0)
    const to = bench(t, { threads: later })
    take(to, handed)
    await to.put(table(port, [portOf(server)]))
    to.plane.adopt(handed.sessions, handed.descriptors)
    from.plane.stop()
    for (const client of clients) await until('an answer', () => client.text() === 'B')
    t.equal(to.counters().total, 40)
  })

t.test('the way back: who gave everything away takes it again, and goes on', async (t) => {
  const server = await echo(t)
  const port = await freePort()
  const b = bench(t)
  await b.put(table(port, [portOf(server)]))
  const talkers = Array.from({ length: 20 }, () => talker(t, port))
  await until('all talk', () => talkers.every(({ answered }) => answered > 5))
  const handed = await handOver(b)
  addon().closeDescriptors(handed.listeners.map(({ descriptor }) => descriptor))
  b.plane.adopt(handed.sessions, handed.descriptors)
  const before = talkers.map(({ answered }) => answered)
  await until('all go on', () => talkers.every(({ answered }, i) => answered > (before[i] ?? 0) + 10))
  t.strictSame(
    talkers.flatMap(({ lost }) => (lost === undefined ? [] : [lost])),
    []
  )
  const late = talker(t, port)
  await until('it accepts again', () => late.answered > 0)
})

t.test('what has no place in the other is reset: a service or a server that is not there', async (t) => {
  const [one, two] = [await echo(t), await echo(t)]
  const [port, other] = [await freePort(), await freePort()]
  const from = bench(t)
  await from.put(table(port, [portOf(one)]))
  await from.put({ ...table(other, [portOf(two)]), id: 2 })
  const talkers = [talker(t, port), talker(t, other)]
  await until('both talk', () => talkers.every(({ answered }) => answered > 5))
  const handed = await handOver(from)
  const to = bench(t)
  take(to, handed)
  await to.put({ ...table(port, []), servers: [entry(9, portOf(one))], rotation: [0] })
  to.plane.adopt(handed.sessions, handed.descriptors)
  to.plane.closeOffers()
  from.plane.stop()
  await until('both are told', () => talkers.every(({ lost }) => lost !== undefined))
  t.match(talkers[0]?.lost, /ECONNRESET|closed/)
  t.equal(to.counters().current, 0)
})

t.test('records that are cut are refused whole, and every descriptor is closed', async (t) => {
  const server = await echo(t)
  const port = await freePort()
  const from = bench(t)
  await from.put(table(port, [portOf(server)]))
  const one = talker(t, port)
  await until('it talks', () => one.answered > 5)
  const handed = await handOver(from)
  const to = bench(t)
  await to.put(table(await freePort(), [portOf(server)]))
  t.throws(() => to.plane.adopt(handed.sessions.subarray(0, 50), handed.descriptors), /record is cut/)
  t.throws(() => to.plane.adopt(handed.sessions, []), /record is cut/)
  addon().closeDescriptors(handed.listeners.map(({ descriptor }) => descriptor))
  await until('its client is told', () => one.lost !== undefined)
})

t.test('messages keep apart, bring descriptors, and say when the other side is gone', async (t) => {
  const native = addon()
  const [a, b] = native.openPair()
  t.equal(native.receiveMessage(b), undefined)
  t.ok(native.sendMessage(a, Buffer.from('one'), [0, 1, 2]))
  t.ok(native.sendMessage(a, Buffer.from('two'), []))
  const first = native.receiveMessage(b)
  t.equal(first?.bytes.toString(), 'one')
  t.equal(first?.descriptors.length, 3)
  native.closeDescriptors(first?.descriptors ?? [])
  t.equal(native.receiveMessage(b)?.bytes.toString(), 'two')
  t.throws(() => native.sendMessage(a, Buffer.alloc(100_000), []), { code: 'EMSGSIZE' })
  let filled = 0
  while (native.sendMessage(a, Buffer.alloc(90_000), [])) filled++
  t.ok(filled > 0 && filled < 100, 'and it never blocks')
  native.closeDescriptors([a])
  for (let i = 0; i < filled; i++) t.equal(native.receiveMessage(b)?.bytes.length, 90_000)
  t.throws(() => native.receiveMessage(b), { code: 'ECONNRESET' })
  native.closeDescriptors([b])
})

t.test(
  'a successor is our parent’s child, has the descriptor as its 3 and nothing else of ours; what cannot run says why',
  async (t) => {
    const native = addon()
    const [ours, theirs] = native.openPair()
    const script = [
      "const fs = require('fs')",
      "const own = fs.readdirSync('/proc/self/fd').filter((fd) => { try { return !/anon_inode|eventfd|pipe|urandom|proc/.test(fs.readlinkSync('/proc/self/fd/' + fd)) } catch { return false } })",
      "const ppid = fs.readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')[1]",
      'fs.writeSync(3, JSON.stringify({ own, ppid: Number(ppid), env: process.env }))'
    ].join('; ')
    const pid = native.startSuccessor({
      program: process.execPath,
      arguments: ['-e', script],
      environment: ['ONLY=this'],
      descriptor: theirs
    })
    native.closeDescriptors([theirs])
    t.ok(pid > 0)
    let got: { readonly bytes: Buffer } | undefined
    const until = performance.now() + 10_000
    while (got === undefined && performance.now() < until) {
      got = native.receiveMessage(ours)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    const said = JSON.parse(got?.bytes.toString() ?? '{}') as { own: string[]; ppid: number; env: object }
    t.equal(said.ppid, process.ppid)
    t.ok(said.own.includes('3'))
    t.notOk(
      said.own.some((fd) => Number(fd) > 3),
      'no other socket or file'
    )
    t.strictSame(said.env, { ONLY: 'this' })
    native.closeDescriptors([ours])
    t.throws(() => native.startSuccessor({ program: '/nowhere', arguments: [], environment: [], descriptor: 1 }), {
      code: 'ENOENT',
      syscall: 'execve'
    })
  }
)
