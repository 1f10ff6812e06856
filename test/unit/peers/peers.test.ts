import { connect as connectTcp, createServer } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.js'
import type { PeersConfig } from '../../../src/config/schema.js'
import { type Clients, encodeMessage, MAX_MESSAGE_BYTES, type PeerView } from '../../../src/peers/message.js'
import { Peers } from '../../../src/peers/peers.js'
import { SECURE } from '../../../src/peers/secure.js'
import { MemoryLog } from '../../fakes/memory-log.js'
import { poll } from '../../lab/wait.js'

/** The channel over real sockets on loopback: each node at an address of its own, 127.0.0.2, .3, .4. */

t.setTimeout(60_000)
const key = Buffer.alloc(32, 1)
const port = await freePort()

const at = (host: string) => ({ host, family: 4 as const, port })
const viewOf = (node: string): PeerView => ({ node, version: '0.1.0', uptime_s: 1, vrrp: [], proxy: [] })
const clientsOf = (...lasts: number[]): Clients[] => [
  { listener: '10.32.255.99:8443', endpoints: Uint8Array.from(lasts.flatMap((last) => [10, 0, 0, last, 0, 80])) }
]

interface Node {
  readonly peers: Peers
  readonly log: MemoryLog
  readonly config: PeersConfig
  clients: readonly Clients[]
}

function node(t: Test, own: string, others: readonly string[], secret: Uint8Array = key): Node {
  const log = new MemoryLog()
  const config = { listen: at(own), key: { file: '/k', credential: null }, nodes: others.map(at) }
  const peers = new Peers({
    clock: systemClock,
    log,
    version: '0.1.0',
    today: () => new Date(),
    view: async () => viewOf(own),
    clients: async () => made.clients
  })
  const made: Node = { peers, log, config, clients: [] }
  peers.configure(config, secret)
  t.teardown(() => peers.stop())
  return made
}

const statusOf = ({ peers }: Node) => {
  const status = peers.status(0)
  if (status === null) throw new Error('there is no channel')
  return status
}
const heard = (one: Node): string[] =>
  statusOf(one).nodes.flatMap(({ view, is_heard }) => (is_heard && view ? [view.node] : []))
const refused = (one: Node): string[] =>
  Object.entries(statusOf(one).refused).flatMap(([why, count]) => (count > 0 ? [`${why} ${count}`] : []))
const until = async (what: string, is: () => boolean): Promise<void> => {
  await poll(is, 8000, what)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.2', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

t.test('three nodes know each other, and each other’s clients', async (t) => {
  const all = ['127.0.0.2', '127.0.0.3', '127.0.0.4']
  const nodes = all.map((own) =>
    node(
      t,
      own,
      all.filter((one) => one !== own)
    )
  )
  const [one, two, three] = nodes as [Node, Node, Node]
  await until('all hear all', () => nodes.every((each) => heard(each).length === 2))
  t.strictSame(heard(one), ['127.0.0.3', '127.0.0.4'])
  one.clients = clientsOf(1, 2)
  const virtual = new Set(['10.32.255.99'])
  await until('the clients of one', () => [two, three].every(({ peers }) => peers.clientsOf(virtual).length === 1))
  t.strictSame(two.peers.clientsOf(virtual), clientsOf(1, 2))
  t.strictSame(two.peers.clientsOf(new Set(['10.32.255.98'])), [], 'of another address nobody')
  t.equal(statusOf(two).nodes[0]?.clients, 2)
  one.clients = []
  await until('nobody any more', () => two.peers.clientsOf(virtual).length === 0)
  t.strictSame(nodes.flatMap(refused), [])
  await t.test(
    'one that goes is seen to be gone, and its clients are kept: they are whom a new master tells',
    async (t) => {
      one.clients = clientsOf(3)
      await until('its client', () => two.peers.clientsOf(virtual).length === 1)
      one.peers.stop()
      await until('it cannot be told', () => statusOf(two).nodes[0]?.error !== null)
      t.match(statusOf(two).nodes[0]?.error, /closed the connection|ECONNREFUSED/)
      t.strictSame(two.peers.clientsOf(virtual), clientsOf(3))
      await until('not heard', () => statusOf(two).nodes[0]?.is_heard === false)
      t.ok(statusOf(two).nodes[0]?.view, 'what it said last is still shown')
      one.clients = []
      one.peers.configure(one.config, key)
      await until('back', () => heard(two).includes('127.0.0.2'))
      await until('a new process has no clients', () => two.peers.clientsOf(virtual).length === 0)
    }
  )
})

t.test('another key is refused on both sides, each told why', async (t) => {
  const right = node(t, '127.0.0.2', ['127.0.0.3'])
  const wrong = node(t, '127.0.0.3', ['127.0.0.2'], Buffer.alloc(32, 2))
  await until('both know', () => statusOf(wrong).nodes[0]?.error !== null && statusOf(right).refused.key > 0)
  t.equal(statusOf(wrong).nodes[0]?.error, 'its key is another one: every node has the same')
  t.strictSame([heard(right), heard(wrong)], [[], []])
  t.equal(right.log.lines.filter(({ message }) => message === 'peer channel: not listened to').length, 1, 'said once')
  t.notMatch(JSON.stringify([right.log.lines, right.peers.status(0)]), key.toString('hex'))
})

/** A peer that has the key and says what the test wants. */
function speak(own: string, pieces: readonly (string | Buffer)[], identity = `${own}:${port}`): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls({
      ...SECURE,
      socket: connectTcp({ host: '127.0.0.2', port, localAddress: own }),
      pskCallback: () => ({ psk: key, identity }),
      checkServerIdentity: () => undefined
    })
    socket.on('error', () => undefined)
    socket.once('secureConnect', () => {
      for (const piece of pieces) socket.write(piece)
      socket.end()
    })
    socket.resume()
    socket.once('close', () => resolve('closed'))
  })
}
const hello = encodeMessage({ type: 'hello', protocol: 1, version: '0.1.0' })
const view = encodeMessage({ type: 'view', view: viewOf('spoken') })

t.test('what is said otherwise than by the protocol is refused with its reason, and changes nothing', async (t) => {
  const one = node(t, '127.0.0.2', ['127.0.0.3', '127.0.0.5'])
  const cases: readonly [string, readonly (string | Buffer)[]][] = [
    ['protocol 1', [encodeMessage({ type: 'hello', protocol: 2, version: '9' }), view]],
    ['malformed 1', [view]],
    ['malformed 2', [hello, 'garbage\n']],
    ['malformed 3', [hello, Buffer.alloc(MAX_MESSAGE_BYTES + 2, 0x20)]],
    ['truncated 1', [hello, view.slice(0, -5)]]
  ]
  for (const [expected, pieces] of cases) {
    await speak('127.0.0.3', pieces)
    await until(expected, () => refused(one).includes(expected))
  }
  t.strictSame(heard(one), [])
  await speak('127.0.0.3', [hello, view])
  await until('a right one', () => heard(one).includes('spoken'))
  t.strictSame(refused(one), ['protocol 1', 'malformed 3', 'truncated 1'])
})

t.test('only peers come in, and only from where they live', async (t) => {
  const one = node(t, '127.0.0.2', ['127.0.0.3', '127.0.0.5'])
  await speak('127.0.0.9', [hello, view])
  await until('a stranger', () => statusOf(one).refused.stranger === 1)
  await speak('127.0.0.5', [hello, view], `127.0.0.3:${port}`)
  await until('one peer as another', () => statusOf(one).refused.key === 1)
  await speak('127.0.0.3', [hello, view], 'nobody')
  await until('a name that nobody has', () => statusOf(one).refused.key === 2)
  t.strictSame(heard(one), [])
})

t.test('who connects and says nothing is let go', async (t) => {
  const one = node(t, '127.0.0.2', ['127.0.0.3'])
  const socket = connectTcp({ host: '127.0.0.2', port, localAddress: '127.0.0.3' })
  socket.on('error', () => undefined)
  socket.resume()
  await new Promise((resolve) => socket.once('close', resolve))
  await until('counted', () => statusOf(one).refused.silent === 1)
  t.strictSame(refused(one), ['silent 1'])
})

t.test('where the address is taken it says so, and tries again until it is free', async (t) => {
  const taken = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => taken.listen(port, '127.0.0.2', resolve))
  const one = node(t, '127.0.0.2', ['127.0.0.3'])
  const two = node(t, '127.0.0.3', ['127.0.0.2'])
  await until('said', () => statusOf(one).error !== null)
  t.match(statusOf(one).error, /EADDRINUSE/)
  await new Promise((resolve) => taken.close(resolve))
  await until('open', () => heard(one).includes('127.0.0.3') && heard(two).includes('127.0.0.2'))
  t.equal(statusOf(one).error, null)
})

t.test('the same configuration again touches nothing; none ends it', async (t) => {
  const one = node(t, '127.0.0.2', ['127.0.0.3'])
  const two = node(t, '127.0.0.3', ['127.0.0.2'])
  await until('both', () => heard(one).length + heard(two).length === 2)
  one.peers.configure(one.config, key)
  t.equal(heard(one).length, 1, 'what was heard is kept')
  one.peers.configure(null, null)
  t.equal(one.peers.status(0), null)
  await until('the other sees it', () => statusOf(two).nodes[0]?.error !== null)
})
