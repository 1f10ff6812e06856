import t from 'tap'
import type { Capture } from '../lab/capture.js'
import { Lab } from '../lab/lab.js'
import { whyNoLab } from '../lab/packages.js'
import { socketOf, Vipd } from '../lab/vipd.js'
import { poll } from '../lab/wait.js'

/** What the data plane saves in packets, and that nobody waits for it: judged by a capture and the kernel's counters. */

t.setTimeout(120_000)
const skip = whyNoLab(['tcpdump', 'tshark']) ?? false

/** Port 6443 answers with all that it heard, and ends with it in one segment. Port 6444 speaks first, then hears. */
const SERVER = `
import socket, threading
def heard(s):
    data = b''
    while not data.endswith(b'.'):
        part = s.recv(65536)
        if not part: break
        data += part
    return data
def answer(s):
    data = heard(s)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    s.sendall(b'you said ' + data)
    s.shutdown(socket.SHUT_WR)
    while s.recv(65536): pass
    s.close()
def greet(s):
    s.sendall(b'welcome.')
    while s.recv(65536): pass
    s.close()
def serve(port, run):
    listener = socket.create_server(('0.0.0.0', port))
    while True: threading.Thread(target=run, args=(listener.accept()[0],), daemon=True).start()
for port, run in ((6443, answer), (6444, greet)): threading.Thread(target=serve, args=(port, run)).start()
import time
time.sleep(0.1)
print('listening', flush=True)
`

/** Says what it is given, with the end of its half in the same segment if asked to, and prints what it heard. */
const CLIENT = `
import socket, sys
host, port, text, ends = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode().decode('unicode_escape').encode(), sys.argv[4] == 'ends'
s = socket.create_connection((host, port), 5)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
if text: s.sendall(text)
if ends: s.shutdown(socket.SHUT_WR)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
heard = b''
while not heard.endswith(b'.'):
    part = s.recv(65536)
    if not part: break
    heard += part
print(heard.decode())
`

const [SYN, SYN_ACK, ACK, FIN, RST] = [0x02, 0x12, 0x10, 0x01, 0x04]

interface Packet {
  readonly from: string
  readonly port: string
  /** The port that is not the server's. */
  readonly client: string
  readonly atS: number
  readonly flags: number
  readonly length: number
}

t.test('packets of both legs', { skip }, async (t) => {
  const lab = new Lab()
  t.teardown(() => lab.close())
  const [proxy, server] = lab.masters
  const { client } = lab
  await lab.start(server, ['python3', '-c', SERVER]).line(/listening/, 10_000)
  const service = (name: string, bind: object | string, port: number) => ({
    name,
    bind: [bind],
    servers: [{ name: 'one', address: `${server.address}:${port}` }]
  })
  const services = [
    service('answers', `${proxy.address}:8443`, 6443),
    service('greets', `${proxy.address}:8444`, 6444),
    service('proxied', { address: `${proxy.address}:8445`, accept_proxy: true }, 6443)
  ]
  const vipd = new Vipd(lab, proxy, JSON.stringify({ admin: { socket: socketOf(lab, proxy) }, proxy: services }))
  lab.ending(vipd)
  await vipd.start()
  const say = async (port: number, text: string, ends: 'ends' | 'stays'): Promise<string> =>
    (await lab.run(client, ['python3', '-c', CLIENT, proxy.address, String(port), text, ends])).trim()
  /** What a session's packets were, once both legs have ended. */
  const packetsOf = async (name: string, run: () => Promise<void>): Promise<Packet[]> => {
    const capture = await lab.capture('tcp portrange 6443-6444 or tcp portrange 8443-8445', name, proxy)
    await run()
    const ended = async (): Promise<boolean> => {
      const legs = legsOf(read(capture))
      return legs.length > 1 && legs.every((leg) => leg.filter((one) => (one.flags & FIN) !== 0).length === 2)
    }
    await poll(ended, 10_000, 'the end of all sessions')
    await capture.stop()
    return read(capture)
  }
  const toServer = (packets: readonly Packet[]): Packet[] =>
    packets.filter((one) => one.port.startsWith('644') && (one.from === proxy.address || one.from === server.address))

  await t.test('the ACK of the handshake leaves with the first data, where there is some', async (t) => {
    const header = `PROXY TCP4 ${client.address} ${proxy.address} 1000 8445\\r\\n`
    const packets = await packetsOf('merged', async () => {
      t.equal(await say(8445, `${header}hello.`, 'stays'), 'you said hello.')
    })
    const begins = toServer(packets).slice(0, 3)
    t.strictSame(
      begins.map((one) => [one.from === proxy.address, one.flags & ~0x08, one.length]),
      [
        [true, SYN, 0],
        [false, SYN_ACK, 0],
        [true, ACK, 'hello.'.length]
      ]
    )
  })

  await t.test('a server that speaks first waits for nothing: the handshake is acknowledged at once', async (t) => {
    const packets = await packetsOf('greeted', async () => {
      for (let i = 0; i < 9; i++) t.equal(await say(8444, '', 'stays'), 'welcome.')
    })
    const legs = legsOf(toServer(packets))
    const waits = legs.map(([, second, third]) => (third?.atS ?? 0) - (second?.atS ?? 0))
    t.equal(waits.length, 9)
    // Its timer would be 0.2 s.
    t.ok((waits.sort((a, b) => a - b)[4] ?? 1) < 0.1, `${waits}`)
    t.ok(legs.every(([, , third]) => third?.from === proxy.address && third.flags === ACK && third.length === 0))
  })

  await t.test('an end that comes with the last bytes leaves with them, either way; nobody is reset', async (t) => {
    const packets = await packetsOf('ends', async () => {
      t.equal(await say(8443, 'all', 'ends'), 'you said all')
    })
    const ends = packets.filter((one) => one.from === proxy.address && (one.flags & FIN) !== 0)
    t.strictSame(
      ends.map((one) => one.length).sort((a, b) => a - b),
      ['all'.length, 'you said all'.length]
    )
    // A check ends by a reset, and may fall into the same moment: of connections in which something was said.
    t.strictSame(
      legsOf(packets)
        .flat()
        .filter((one) => (one.flags & RST) !== 0),
      []
    )
  })
})

/** Connections over which something was said; a check says nothing. */
function legsOf(packets: readonly Packet[]): Packet[][] {
  const ports = new Set(packets.map((one) => one.client))
  return [...ports]
    .map((port) => packets.filter((one) => one.client === port))
    .filter((leg) => leg.some((one) => one.length > 0))
}

function read(capture: Capture): Packet[] {
  const rows = capture.read('tcp', ['ip.src', 'tcp.srcport', 'tcp.dstport', 'tcp.flags', 'tcp.len', 'frame.time_epoch'])
  return rows.map((row) => ({
    from: row['ip.src'],
    port: String(Math.min(Number(row['tcp.srcport']), Number(row['tcp.dstport']))),
    client: String(Math.max(Number(row['tcp.srcport']), Number(row['tcp.dstport']))),
    atS: Number(row['frame.time_epoch']),
    flags: Number(row['tcp.flags']),
    length: Number(row['tcp.len'])
  }))
}
