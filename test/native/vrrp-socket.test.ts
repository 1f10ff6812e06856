import t from 'tap'
import { addon } from '../../src/os/addon.js'
import { python, until } from './bench.js'
import { block, canOpenRaw, datagram, ear, nowMs, ownAddress } from './vrrp-bench.js'

/** VrrpSocket on the loopback interface. Multicast and neighbours: test/netns/addon-socket.test.ts. */

t.test('a packet', async (t) => {
  if (!canOpenRaw(t)) return

  t.test('comes with the source and TTL that it was sent with', async (t) => {
    const one = ear(t)
    const source = ownAddress()
    one.socket.send(Buffer.from('hello'), { destination: one.address, source, ttl: 77 })
    one.socket.send(Buffer.from('world'), { destination: one.address, source: '127.0.0.1', ttl: 255 })
    await until('both are read', () => one.packets.length === 2)
    t.match(one.packets, [
      { payload: Buffer.from('hello'), source, destination: one.address, ttl: 77 },
      { payload: Buffer.from('world'), source: '127.0.0.1', ttl: 255 }
    ])
  })

  t.test('over IPv6 has its hop limit too, and a checksum that the kernel made', async (t) => {
    const mark = Buffer.from(`${process.pid}      `.slice(0, 6))
    const got: { payload: Buffer; source: string; destination: string; ttl: number; receivedAtMs: number }[] = []
    const options = { family: 6, interface: 'lo', interfaceIndex: 1, groups: ['ff02::12'], source: '::1' } as const
    const socket = new (addon().VrrpSocket)(options, (packet) => {
      if (packet.payload.subarray(0, 6).equals(mark)) got.push(packet)
    })
    t.teardown(() => socket.close())
    const before = nowMs()
    socket.send(Buffer.concat([mark, Buffer.alloc(2)]), { destination: '::1', source: '::1', ttl: 78 })
    socket.drain()
    t.match(got, [{ source: '::1', destination: '::1', ttl: 78 }])
    t.ok((got[0]?.receivedAtMs ?? 0) >= before && (got[0]?.receivedAtMs ?? 0) <= nowMs())
    t.equal(checksumV6(got[0]?.payload ?? Buffer.alloc(8)), 0xffff)
  })

  t.test('has the time when it came, however long the main loop did not look', async (t) => {
    const one = ear(t)
    const sent = nowMs()
    one.socket.send(Buffer.from('x'), { destination: one.address, source: '127.0.0.1', ttl: 255 })
    block(200)
    await until('it is read', () => one.packets.length === 1)
    const [packet] = one.packets
    t.ok((packet?.receivedAtMs ?? 0) >= sent, 'after it was sent')
    t.ok((packet?.receivedAtMs ?? Infinity) <= nowMs() - 150, 'long before it was read')
  })

  t.test('starts behind the header, however long that is', async (t) => {
    const one = ear(t)
    const { child } = await python(
      t,
      `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
to = socket.inet_aton('${one.address}')
for words in (0, 1, 10):
    payload = b'VRRP%02d' % words
    total = 20 + words * 4 + len(payload)
    header = bytes([0x45 + words, 0xc0, total >> 8, total & 255, 0, 1, 0, 0, 255, 112, 0, 0]) + bytes([127, 0, 0, 1]) + to
    s.sendto(header + b'\\x01' * (words * 4) + payload, ('${one.address}', 0))
print('sent', flush=True)
import time
time.sleep(60)
`
    )
    await until('all are read', () => one.packets.length === 3)
    t.strictSame(
      one.packets.map((packet) => packet.payload.toString()),
      ['VRRP00', 'VRRP01', 'VRRP10']
    )
    child.kill('SIGKILL')
  })

  t.test('that cannot be sent says why', async (t) => {
    const { socket, address } = ear(t)
    const send = (destination: string, source: string, ttl = 255) =>
      socket.send(Buffer.from('x'), { destination, source, ttl })
    const foreign = { code: /^(EINVAL|ENETUNREACH)$/, syscall: 'sendmsg' }
    t.throws(() => send(address, '192.0.2.1'), foreign, 'not an address of this host')
    t.throws(() => send('host', '127.0.0.1'), { code: 'EINVAL', syscall: 'inet_pton' })
    t.throws(() => send(address, '::1'), { code: 'EINVAL', syscall: 'inet_pton' })
    t.throws(() => send(address, '127.0.0.1', 0), RangeError)
    t.throws(() => send(address, '127.0.0.1', 256), RangeError)
    socket.close()
    t.throws(() => send(address, '127.0.0.1'), { code: 'EBADF' })
  })
})

t.test('drain', async (t) => {
  if (!canOpenRaw(t)) return

  t.test('reads all that waits before it returns, in order', async (t) => {
    const one = ear(t)
    for (let mark = 0; mark < 100; mark++)
      one.socket.send(datagram(mark, one.address).payload, datagram(0, one.address))
    t.equal(one.packets.length, 0)
    one.socket.drain()
    t.strictSame(
      one.marks(),
      Array.from({ length: 100 }, (_, mark) => mark)
    )
    one.socket.drain()
    t.equal(one.packets.length, 100)
  })

  t.test('does nothing while a packet is being delivered', async (t) => {
    const depths: number[] = []
    let depth = 0
    const one = ear(t, () => {
      depth++
      depths.push(depth)
      one.socket.drain()
      depth--
    })
    const send = (): void => {
      for (let i = 0; i < 3; i++) one.socket.send(Buffer.from([i]), datagram(0, one.address))
    }
    send()
    one.socket.drain()
    t.strictSame(depths, [1, 1, 1])
    send()
    await until('the loop has read the rest', () => one.packets.length === 6)
    t.strictSame(depths, [1, 1, 1, 1, 1, 1])
    t.strictSame(one.marks(), [0, 1, 2, 0, 1, 2])
  })

  t.test('stops when the socket is closed by what it delivers, and of a closed one is nothing', async (t) => {
    const one = ear(t, () => one.socket.close())
    for (let i = 0; i < 3; i++) one.socket.send(Buffer.from([i]), datagram(0, one.address))
    one.socket.drain()
    one.socket.drain()
    t.equal(one.packets.length, 1)
  })
})

t.test('a socket that is not a VrrpSocket is refused', async (t) => {
  if (!canOpenRaw(t)) return
  const sender = new (addon().AdvertSender)({ realTimePriority: 0 })
  t.teardown(() => sender.close())
  const one = ear(t)
  const made = (socket: unknown) => ({
    socket: socket as typeof one.socket,
    adverts: [[datagram(1, one.address)]],
    repeat: true,
    firstAtMs: 0,
    intervalMs: 1000,
    silenceMs: 1000,
    sinceMs: 0
  })
  const netlink = new (addon().NetlinkEvents)(
    () => undefined,
    () => undefined
  )
  t.teardown(() => netlink.close())
  for (const wrong of [{}, netlink, sender]) t.throws(() => sender.plan(1, made(wrong)), TypeError)
  t.doesNotThrow(() => sender.plan(1, made(one.socket)))
  t.equal(sender.state(2), undefined)
})

/** RFC 9568 §5.2.8: the sum over the pseudo header of ::1 to ::1 and the message, checksum included. */
function checksumV6(message: Buffer): number {
  const pseudo = Buffer.alloc(40)
  pseudo[15] = 1
  pseudo[31] = 1
  pseudo.writeUInt32BE(message.length, 32)
  pseudo[39] = 112
  const all = Buffer.concat([pseudo, message])
  let sum = 0
  for (let at = 0; at < all.length; at += 2) sum += all.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum
}
