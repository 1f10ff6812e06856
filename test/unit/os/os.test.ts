import { EventEmitter } from 'node:events'
import fc from 'fast-check'
import { FlagsNew } from 'netlink/dist/constants.js'
import type { NetlinkSocket } from 'netlink/dist/netlink.js'
import { formatMessage } from 'netlink/dist/structs.js'
import t from 'tap'
import { VipdError } from '../../../src/base/errors.js'
import type { AdvertTarget, NativePacket, NativeVrrpSocket, VrrpSocketOptions } from '../../../src/os/addon.js'
import { Netlink } from '../../../src/os/netlink.js'
import { openVrrpSocket } from '../../../src/os/raw-ip.js'
import { decodeEvent, decodeEvents, encodeDelAddress, encodeNewAddress } from '../../../src/os/rtnetlink.js'
import { Systemd } from '../../../src/os/systemd.js'
import { kernelAddress } from '../../fakes/fake-kernel.js'
import { flushPromises } from '../../fakes/manual-clock.js'
import { runs } from '../../runs.js'
import { CAPTURE } from './capture.js'

const [NEWLINK, DELLINK, NEWADDR, DELADDR] = [16, 17, 20, 21]
const VIP = { address: '10.32.255.99', family: 4, length: 32 } as const
const plain = { label: null, scope: 0, broadcast: null, noDad: true } as const
const HELD = { ...VIP, ...plain }

const attribute = (type: number, data: Uint8Array): Buffer => {
  const head = Buffer.alloc(4)
  head.writeUInt16LE(4 + data.length, 0)
  head.writeUInt16LE(type, 2)
  return Buffer.concat([head, data, Buffer.alloc(-data.length & 3)])
}
const linkMessage = (index: number, name: string, flags: number, family = 0): Buffer => {
  const head = Buffer.alloc(16)
  head[0] = family
  head.writeInt32LE(index, 4)
  head.writeUInt32LE(flags, 8)
  const mtu = Buffer.alloc(4)
  mtu.writeUInt32LE(1500)
  return Buffer.concat([
    head,
    attribute(3, Buffer.from(`${name}\0`)),
    attribute(1, Buffer.from('525400aabb01', 'hex')),
    attribute(4, mtu)
  ])
}
const message = (type: number, data: Buffer): Buffer =>
  Buffer.concat(formatMessage({ type, flags: 0, seq: 0, port: 0, data }))
const UP_RUNNING = 0x1 | 0x40

t.test('rtnetlink', async (t) => {
  t.test('what a real kernel (6.18) says of a veth named bond0 and its addresses', async (t) => {
    const link = Buffer.from(CAPTURE.link, 'hex')
    t.strictSame(decodeEvent(NEWLINK, link), [
      {
        type: 'link',
        isGone: false,
        link: {
          index: 3,
          name: 'bond0',
          isUp: true,
          isRunning: true,
          isLoopback: false,
          mac: Uint8Array.from(Buffer.from('525400aabb01', 'hex')),
          mtu: 1500,
          rxPackets: 1
        }
      }
    ])
    const leased = decodeEvent(NEWADDR, Buffer.from(CAPTURE.leased, 'hex'))
    t.strictSame(leased, [{ type: 'address', isGone: false, address: kernelAddress(3, VIP, { protocol: 0 }) }])
    const own = { address: '10.32.137.20', family: 4, length: 16 }
    t.match(decodeEvent(DELADDR, Buffer.from(CAPTURE.permanent, 'hex')), [
      { isGone: true, address: { prefix: own, isLeased: false } }
    ])
    const six = { address: 'fd00::1', family: 6, length: 64 }
    t.match(decodeEvent(NEWADDR, Buffer.from(CAPTURE.six, 'hex')), [{ address: { prefix: six, isLeased: false } }])
  })

  t.test('an address that is asked for reads back as it was asked for, with our mark and its lease', async (t) => {
    for (const prefix of [VIP, { address: 'fd00::99', family: 6, length: 128 } as const]) {
      const payload = Buffer.concat(encodeNewAddress(7, { ...prefix, ...plain }, 2))
      t.strictSame(decodeEvent(NEWADDR, payload), [
        { type: 'address', isGone: false, address: kernelAddress(7, prefix) }
      ])
      const gone = Buffer.concat(encodeDelAddress(7, prefix))
      t.match(decodeEvent(DELADDR, gone), [{ isGone: true, address: { index: 7, prefix } }])
    }
  })

  t.test('the bytes that ask for an address: lease, preferred 0, no duplicate detection', async (t) => {
    t.equal(
      Buffer.concat(encodeNewAddress(3, HELD, 2)).toString('hex'),
      [
        '0220000003000000', // AF_INET, /32, scope 0, index 3
        '080002000a20ff63', // IFA_LOCAL
        '080001000a20ff63', // IFA_ADDRESS
        '1400060000000000020000000000000000000000', // IFA_CACHEINFO: preferred 0, valid 2
        '0800080002000000', // IFA_FLAGS: NODAD
        '05000b0076' // IFA_PROTO: 118
      ].join('')
    )
  })

  t.test('a link that is down, or gone, or a bridge port', async (t) => {
    t.match(decodeEvent(NEWLINK, linkMessage(2, 'eth0', 0x1)), [{ link: { isUp: true, isRunning: false } }])
    t.match(decodeEvent(NEWLINK, linkMessage(2, 'eth0', 0x49)), [{ link: { isLoopback: true, isRunning: true } }])
    t.match(decodeEvent(DELLINK, linkMessage(2, 'eth0', 0)), [{ isGone: true, link: { name: 'eth0', index: 2 } }])
    t.strictSame(decodeEvent(DELLINK, linkMessage(2, 'eth0', 0, 7)), [], 'AF_BRIDGE: it left a bridge, not the host')
  })

  t.test('attributes that nobody knows, of any length, hurt nothing', async (t) => {
    const odd = Buffer.concat([
      linkMessage(2, 'eth0', UP_RUNNING),
      attribute(26, Buffer.alloc(3)),
      attribute(900, Buffer.alloc(0))
    ])
    t.match(decodeEvent(NEWLINK, odd), [{ link: { name: 'eth0' } }])
  })

  t.test('several messages in a buffer, others in between, a cut one at the end', async (t) => {
    const buffer = Buffer.concat([
      message(NEWLINK, linkMessage(2, 'eth0', UP_RUNNING)),
      message(24, Buffer.alloc(12)),
      message(NEWADDR, Buffer.concat([Buffer.concat(encodeNewAddress(2, HELD, 2)), Buffer.alloc(3)])),
      message(NEWLINK, linkMessage(3, 'eth1', UP_RUNNING)).subarray(0, 30)
    ])
    t.strictSame(
      decodeEvents(buffer).map((event) => event.type),
      ['link', 'address']
    )
  })

  t.test('no bytes whatever make it throw', async (t) => {
    const bytes = fc.uint8Array({ maxLength: 120 }).map((all) => Buffer.from(all))
    fc.assert(
      fc.property(bytes, fc.constantFrom(NEWLINK, DELLINK, NEWADDR, DELADDR, 0), (all, type) => {
        decodeEvents(all)
        decodeEvents(message(type, all))
        decodeEvent(type, all)
      }),
      runs(3000)
    )
    t.pass()
  })
})

t.test('the VRRP socket', async (t) => {
  const options: VrrpSocketOptions = {
    family: 4,
    interface: 'eth0',
    interfaceIndex: 2,
    groups: ['224.0.0.18'],
    source: '10.32.137.20'
  }
  const six = { ...options, family: 6, groups: ['ff02::12'], source: 'fe80::1' } as const
  const group = { destination: '224.0.0.18', source: '10.32.137.20', ttl: 255 }
  const setUp = (given: VrrpSocketOptions, raw: FakeRaw | null, failure?: Error) => {
    const sent: string[] = []
    const seen = { closed: 0, drained: 0, marked: 0 }
    let deliver: (packet: NativePacket) => void = () => undefined
    class FakeNative implements NativeVrrpSocket {
      constructor(_: VrrpSocketOptions, onPacket: (packet: NativePacket) => void) {
        deliver = onPacket
      }
      send(payload: Buffer, to: AdvertTarget): void {
        if (failure !== undefined) throw failure
        sent.push([payload.toString('hex'), to.destination, to.source, to.ttl].join(' '))
      }
      drain(): void {
        seen.drained++
      }
      close(): void {
        seen.closed++
      }
    }
    const packets: NativePacket[] = []
    const errors: string[] = []
    const handlers = { onPacket: (one: NativePacket) => packets.push(one), onError: (one: string) => errors.push(one) }
    const addon = { VrrpSocket: FakeNative, closeOnExec: () => void seen.marked++ }
    const open = () => openVrrpSocket(addon, given, handlers, raw as unknown as typeof import('raw-socket') | null)
    return { open, sent, packets, errors, deliver: (one: NativePacket) => deliver(one), seen }
  }

  t.test('is the addon where raw-socket is not there, and for IPv6', async (t) => {
    for (const [given, raw] of [[options, null] as const, [six, new FakeRaw()] as const]) {
      const one = setUp(given, raw)
      const socket = one.open()
      t.equal(socket.kind, 'addon')
      socket.send(Uint8Array.from([1, 2]), { destination: 'x', source: 'y', ttl: 3 })
      one.deliver({ payload: Buffer.from([3]), source: 'y', destination: 'x', ttl: 255, receivedAtMs: 1 })
      t.strictSame(one.sent, ['0102 x y 3'])
      t.equal(one.packets.length, 1)
      socket.drain()
      await socket.flush()
      socket.close()
      socket.drain()
      socket.send(Uint8Array.from([1, 2]), group)
      t.strictSame(one.seen, { closed: 1, drained: 1, marked: 0 })
      t.equal(one.sent.length, 1)
      t.equal(raw?.sockets.length ?? 0, 0)
    }
  })
  t.test('tells a failure to send, and does not throw it', async (t) => {
    const one = setUp(options, null, new Error('ENETUNREACH'))
    one.open().send(Uint8Array.from([1]), group)
    t.strictSame(one.errors, ['ENETUNREACH'])
  })
  t.test('sends multicasts of its own address with TTL 255 by raw-socket, and all else by the addon', async (t) => {
    const raw = new FakeRaw()
    const one = setUp(options, raw)
    const socket = one.open()
    t.equal(socket.kind, 'raw-socket')
    t.equal(one.seen.marked, 1, 'closed on exec')
    socket.send(Uint8Array.from([1]), group)
    socket.send(Uint8Array.from([2]), { ...group, destination: '239.255.255.255' })
    t.strictSame(raw.sockets[0]?.sent, ['01 224.0.0.18', '02 239.255.255.255'])
    socket.send(Uint8Array.from([3]), { ...group, destination: '10.32.137.21' })
    socket.send(Uint8Array.from([4]), { ...group, source: '10.32.137.22' })
    socket.send(Uint8Array.from([5]), { ...group, ttl: 254 })
    t.strictSame(one.sent, [
      '03 10.32.137.21 10.32.137.20 255',
      '04 224.0.0.18 10.32.137.22 255',
      '05 224.0.0.18 10.32.137.20 254'
    ])
    t.equal(raw.sockets[0]?.sent.length, 2)
  })
  t.test('hears by the addon alone', async (t) => {
    const raw = new FakeRaw()
    const one = setUp(options, raw)
    one.open()
    const [socket] = raw.sockets
    t.equal(socket?.isPaused, true)
    t.strictSame(
      socket?.options.map(([level, option]) => `${level} ${option}`),
      ['1 25', '1 8', '0 49', '0 33', '0 34', '0 2', '0 1', '0 32'],
      'and no membership among its options'
    )
    t.equal(one.packets.length, 0)
  })
  t.test('flush waits for what raw-socket has not sent yet', async (t) => {
    const raw = new FakeRaw()
    const socket = setUp(options, raw).open()
    socket.send(Uint8Array.from([1]), group)
    let isFlushed = false
    const flushed = socket.flush().then(() => {
      isFlushed = true
    })
    await flushPromises()
    t.equal(isFlushed, false)
    raw.sockets[0]?.callbacks[0]?.(null, 1)
    await flushed
    t.equal(isFlushed, true)
    await socket.flush()
  })
  t.test('tells what raw-socket could not send, until it is closed', async (t) => {
    const raw = new FakeRaw()
    const one = setUp(options, raw)
    const socket = one.open()
    for (let i = 0; i < 2; i++) socket.send(Uint8Array.from([1]), group)
    raw.sockets[0]?.callbacks[0]?.(new Error('ENETDOWN'), 0)
    t.strictSame(one.errors, ['ENETDOWN'])
    socket.close()
    socket.close()
    raw.sockets[0]?.callbacks[1]?.(new Error('EBADF'), 0)
    t.strictSame(one.errors, ['ENETDOWN'])
    socket.send(Uint8Array.from([1]), group)
    t.equal(raw.sockets[0]?.sent.length, 2)
    t.equal(raw.sockets[0]?.closed, 1)
  })
  t.test('goes on by the addon when raw-socket has closed itself', async (t) => {
    const raw = new FakeRaw()
    const one = setUp(options, raw)
    const socket = one.open()
    socket.send(Uint8Array.from([1]), group)
    const flushed = socket.flush()
    raw.sockets[0]?.emit('error', new Error('-9'))
    raw.sockets[0]?.close()
    await flushed
    t.strictSame(one.errors, ['-9'])
    t.equal(socket.kind, 'addon')
    socket.send(Uint8Array.from([2]), group)
    t.strictSame(one.sent, ['02 224.0.0.18 10.32.137.20 255'])
  })
  t.test('closes both when raw-socket refuses an option', async (t) => {
    const raw = new FakeRaw(new Error('ENODEV'))
    const one = setUp(options, raw)
    t.throws(() => one.open(), { message: 'ENODEV' })
    t.equal(one.seen.closed, 1)
    t.equal(raw.sockets[0]?.closed, 1)
  })
})

/** npm raw-socket, without a kernel. */
class FakeRaw {
  readonly AddressFamily = { IPv4: 1, IPv6: 2 }
  readonly sockets: FakeRawSocket[] = []
  readonly #refusal: Error | undefined
  constructor(refusal?: Error) {
    this.#refusal = refusal
  }
  createSocket(): FakeRawSocket {
    const socket = new FakeRawSocket(this.#refusal)
    this.sockets.push(socket)
    return socket
  }
}

class FakeRawSocket extends EventEmitter {
  readonly sent: string[] = []
  readonly options: [number, number][] = []
  readonly callbacks: ((error: Error | null, bytes: number) => void)[] = []
  readonly #refusal: Error | undefined
  isPaused = false
  closed = 0
  constructor(refusal: Error | undefined) {
    super()
    this.#refusal = refusal
  }
  pauseRecv(): void {
    this.isPaused = true
  }
  setOption(level: number, option: number): void {
    if (this.#refusal !== undefined) throw this.#refusal
    this.options.push([level, option])
  }
  send(payload: Buffer, _: number, __: number, address: string, done: (error: Error | null, bytes: number) => void) {
    this.sent.push(`${payload.toString('hex')} ${address}`)
    this.callbacks.push(done)
  }
  close(): void {
    this.closed++
    this.emit('close')
  }
}

/** npm netlink's socket as the mirror uses it: answers from a script. */
class FakeSocket extends EventEmitter {
  readonly requests: { type: number; flags: number }[] = []
  readonly answers = new Map<number, () => Promise<[{ type: number; flags: number; data: Buffer }[]]>>()
  closed = 0
  inFlight = 0
  mostInFlight = 0
  async request(type: number, _: unknown, { flags = 0 }: { flags?: number }) {
    this.requests.push({ type, flags })
    this.inFlight++
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight)
    try {
      return await (this.answers.get(type)?.() ?? Promise.resolve([[]]))
    } finally {
      this.inFlight--
    }
  }
  close(): void {
    this.closed++
  }
}

t.test('netlink', async (t) => {
  const GETLINK = 18
  const SETLINK = 19
  const GETADDR = 22
  const setUp = async (prepare: (socket: FakeSocket) => void = () => undefined) => {
    const socket = new FakeSocket()
    const rows = {
      links: [{ type: NEWLINK, flags: 0, data: linkMessage(2, 'bond0', UP_RUNNING) }],
      addresses: [
        { type: NEWADDR, flags: 0, data: Buffer.concat(encodeNewAddress(2, { ...HELD, address: '10.32.137.20' }, 9)) }
      ]
    }
    socket.answers.set(GETLINK, async () => [rows.links])
    socket.answers.set(GETADDR, async () => [rows.addresses])
    prepare(socket)
    let tell: (messages: Buffer) => void = () => undefined
    let overrun: () => void = () => undefined
    let eventsClosed = 0
    class FakeEvents {
      constructor(onMessages: (messages: Buffer) => void, onOverrun: () => void) {
        tell = onMessages
        overrun = onOverrun
      }
      close(): void {
        eventsClosed++
      }
    }
    const changes: number[] = []
    const errors: unknown[] = []
    const netlink = new Netlink(
      { NetlinkEvents: FakeEvents },
      () => changes.push(1),
      (error) => errors.push(error),
      () => socket as unknown as NetlinkSocket
    )
    const started = netlink.start()
    return {
      socket,
      rows,
      netlink,
      changes,
      errors,
      started,
      tell: (type: number, data: Buffer) => tell(message(type, data)),
      overrun: () => overrun(),
      eventsClosed: () => eventsClosed
    }
  }
  const ack = (errno: number) => {
    const data = Buffer.alloc(20)
    data.writeInt32LE(-errno, 0)
    return [[{ type: 2, flags: 0, data }]] satisfies [unknown]
  }
  type Ack = [{ type: number; flags: number; data: Buffer }[]]
  const answer = (socket: FakeSocket, type: number, ...errnos: number[]): void => {
    socket.answers.set(type, async () => ack(errnos.shift() ?? 0) as Ack)
  }

  t.test('reads links and addresses at its start, and follows events', async (t) => {
    const { netlink, started, tell, changes } = await setUp()
    await started
    t.equal(netlink.link('bond0')?.index, 2)
    t.equal(netlink.link('eth9'), undefined)
    t.equal([...netlink.addresses()].length, 1)
    t.equal(changes.length, 1)
    tell(NEWADDR, Buffer.concat(encodeNewAddress(2, HELD, 2)))
    t.ok(netlink.hasAddress(2, VIP))
    tell(DELADDR, Buffer.concat(encodeDelAddress(2, VIP)))
    t.notOk(netlink.hasAddress(2, VIP))
    tell(NEWLINK, linkMessage(2, 'bond1', UP_RUNNING))
    t.equal(netlink.link('bond0'), undefined, 'it was renamed')
    tell(DELLINK, linkMessage(2, 'bond1', 0))
    t.equal(netlink.link('bond1'), undefined)
    t.equal(changes.length, 5)
  })

  t.test('an event that comes while everything is read is not lost', async (t) => {
    let release: () => void = () => undefined
    const one = await setUp((socket) => {
      const rows = socket.answers.get(GETADDR)
      socket.answers.set(GETADDR, async () => {
        await new Promise<void>((resolve) => {
          release = resolve
        })
        return (await rows?.()) ?? [[]]
      })
    })
    await flushPromises()
    // The links have been read; now one goes down, and only then the addresses are read.
    one.tell(NEWLINK, linkMessage(2, 'bond0', 0x1))
    release()
    await one.started
    t.equal(one.netlink.link('bond0')?.isRunning, false)
  })

  t.test('an overrun is answered by reading everything anew, two by one more', async (t) => {
    const { netlink, started, overrun, rows, socket } = await setUp()
    await started
    rows.links = [{ type: NEWLINK, flags: 0, data: linkMessage(5, 'eth5', 0x1) }]
    overrun()
    overrun()
    overrun()
    for (let i = 0; i < 5; i++) await flushPromises()
    t.equal(netlink.overruns, 3)
    t.equal(netlink.link('bond0'), undefined)
    t.equal(netlink.link('eth5')?.index, 5)
    t.equal(socket.requests.filter(({ type }) => type === GETLINK).length, 3)
  })

  t.test('an overrun that cannot be answered is told', async (t) => {
    const { started, overrun, errors, socket } = await setUp()
    await started
    socket.answers.set(GETLINK, async () => {
      throw new Error('timeout')
    })
    overrun()
    await flushPromises()
    t.match(errors, [{ message: 'timeout' }])
  })

  t.test('an address is added where it is missing and renewed where it is there', async (t) => {
    const { netlink, started, socket } = await setUp()
    await started
    answer(socket, NEWADDR, 17, 0, 0)
    t.equal(await netlink.holdAddress(2, HELD, 2), 'renewed', 'one that the kernel has, and has not told of')
    t.strictSame(
      socket.requests.slice(-2).map(({ flags }) => flags),
      [FlagsNew.CREATE | FlagsNew.EXCL, FlagsNew.CREATE | FlagsNew.REPLACE]
    )
    t.equal(await netlink.holdAddress(2, HELD, 2), 'added')
    t.ok(netlink.hasAddress(2, VIP), 'known before the kernel tells')
    const birth = netlink.addressBirth(2, VIP)
    answer(socket, NEWADDR, 0)
    t.equal(await netlink.holdAddress(2, HELD, 2), 'renewed')
    t.equal(socket.requests.at(-1)?.flags, FlagsNew.CREATE | FlagsNew.REPLACE, 'by one request')
    t.type(birth, 'number')
    t.equal(netlink.addressBirth(2, VIP), birth)
  })

  t.test('a refusal is a sentence with the reason', async (t) => {
    const { netlink, started, socket } = await setUp()
    await started
    answer(socket, NEWADDR, 1, 19, 17, 22, 42)
    const why = async () => {
      const error = await netlink.holdAddress(2, HELD, 2).catch((one: unknown) => one)
      if (!(error instanceof VipdError)) throw new Error('no VipdError')
      t.equal(error.code, 'ADDRESS_FAILED')
      return error.message
    }
    t.equal(await why(), 'cannot add 10.32.255.99/32: EPERM: CAP_NET_ADMIN is missing')
    t.equal(await why(), 'cannot add 10.32.255.99/32: ENODEV: the interface is gone')
    t.equal(
      await why(),
      'cannot add 10.32.255.99/32: EINVAL: the kernel refuses it (an address of the same subnet with another scope is already there?)'
    )
    t.equal(await why(), 'cannot add 10.32.255.99/32: errno 42')
    t.notOk(netlink.hasAddress(2, VIP))
  })

  t.test('to remove what is not there is as good as done', async (t) => {
    const { netlink, started, socket } = await setUp()
    await started
    answer(socket, DELADDR, 0, 99, 19, 1)
    for (let i = 0; i < 3; i++) await netlink.removeAddress(2, VIP)
    await t.rejects(netlink.removeAddress(2, VIP), { code: 'ADDRESS_FAILED' })
  })

  t.test('a link is asked for by its index, and read as it is now', async (t) => {
    const { netlink, started, socket } = await setUp()
    await started
    socket.answers.set(GETLINK, async () => [[{ type: NEWLINK, flags: 0, data: Buffer.from(CAPTURE.link, 'hex') }]])
    t.match(await netlink.readLink(3), { name: 'bond0', rxPackets: 1 })
    t.strictSame(socket.requests.at(-1), { type: GETLINK, flags: 0 })
    answer(socket, GETLINK, 19)
    t.equal(await netlink.readLink(3), undefined, 'it is gone')
    socket.answers.set(GETLINK, async () => [[{ type: DELLINK, flags: 0, data: Buffer.from(CAPTURE.link, 'hex') }]])
    t.equal(await netlink.readLink(3), undefined)
    socket.answers.set(GETLINK, async () => [[]])
    t.equal(await netlink.readLink(3), undefined)
  })

  t.test('an IPv6 address that is there with another length is a refusal that says so', async (t) => {
    const { netlink, started, socket, tell } = await setUp()
    await started
    const wide = { address: 'fd00::99', family: 6, length: 64, ...plain } as const
    tell(NEWADDR, Buffer.concat(encodeNewAddress(2, wide, 2)))
    answer(socket, NEWADDR, 17)
    await t.rejects(netlink.holdAddress(2, { ...wide, length: 128 }, 2), {
      code: 'ADDRESS_FAILED',
      message: 'cannot add fd00::99/128: it is on the interface as fd00::99/64'
    })
  })

  t.test('an address that duplicate detection took away is known as that until it is added again', async (t) => {
    const { netlink, started, socket, tell } = await setUp()
    await started
    const six = { address: 'fd00::99', family: 6, length: 128, ...plain, noDad: false } as const
    answer(socket, NEWADDR, 0)
    await netlink.holdAddress(2, six, 2)
    t.equal(netlink.addressState(2, six), 'tentative')
    const last = Buffer.concat(encodeNewAddress(2, six, 2))
    // IFA_FLAGS: DADFAILED, TENTATIVE.
    last.writeUInt32LE(0x48, last.indexOf(Buffer.from('08000800', 'hex')) + 4)
    tell(DELADDR, last)
    t.equal(netlink.addressState(2, six), 'dad-failed')
    await netlink.holdAddress(2, six, 2)
    t.equal(netlink.addressState(2, six), 'tentative')
  })

  t.test('what goes with the first of a subnet, by our hand, is known as that until it is there again', async (t) => {
    const { netlink, started, socket, tell } = await setUp()
    await started
    const [first, later] = ['10.0.0.1', '10.0.0.2'].map((address) => ({ ...HELD, address, length: 24 }))
    if (first === undefined || later === undefined) throw new Error('two')
    const secondary = Buffer.concat(encodeNewAddress(2, later, 2))
    secondary.writeUInt32LE(0x01, secondary.indexOf(Buffer.from('08000800', 'hex')) + 4)
    tell(NEWADDR, Buffer.concat(encodeNewAddress(2, first, 2)))
    tell(NEWADDR, secondary)
    await netlink.removeAddress(2, first)
    t.equal(netlink.addressState(2, first), 'missing')
    t.equal(netlink.addressState(2, later), 'went-along')
    tell(DELADDR, secondary)
    t.equal(netlink.addressState(2, later), 'went-along')
    await netlink.holdAddress(2, later, 2)
    t.equal(netlink.addressState(2, later), 'held')
    tell(DELADDR, secondary)
    t.equal(netlink.addressState(2, later), 'missing', 'that was somebody else')
    t.equal(socket.requests.filter(({ type }) => type === SETLINK).length, 0, 'the host is not touched for our own')
  })

  t.test('that one is a later one of its subnet is known before the kernel tells', async (t) => {
    const { netlink, started } = await setUp()
    await started
    for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3'])
      await netlink.holdAddress(2, { ...HELD, address, length: 24 }, 2)
    await netlink.removeAddress(2, { ...VIP, address: '10.0.0.2', length: 24 })
    t.equal(netlink.addressState(2, { ...VIP, address: '10.0.0.3', length: 24 }), 'held')
    await netlink.removeAddress(2, { ...VIP, address: '10.0.0.1', length: 24 })
    t.equal(netlink.addressState(2, { ...VIP, address: '10.0.0.3', length: 24 }), 'went-along')
  })

  t.test('what is not ours and would go with an address of ours is kept: the kernel is told once', async (t) => {
    const { netlink, started, socket, tell } = await setUp()
    await started
    const vip = { ...HELD, address: '10.0.0.1', length: 24 }
    const own = Buffer.from('0218010002000000080002000a000002080001000a000002', 'hex')
    tell(NEWADDR, Buffer.concat(encodeNewAddress(2, vip, 2)))
    answer(socket, NEWADDR, 0, 0)
    await netlink.holdAddress(2, vip, 2)
    t.equal(socket.requests.filter(({ type }) => type === SETLINK).length, 0)
    tell(NEWADDR, own)
    answer(socket, SETLINK, 95)
    await netlink.holdAddress(2, vip, 2)
    t.equal(socket.requests.at(-1)?.type, SETLINK, 'before the lease can run out')
    await netlink.removeAddress(2, vip)
    t.equal(socket.requests.filter(({ type }) => type === SETLINK).length, 1)
    t.notOk(netlink.hasAddress(2, vip))
  })

  t.test('one request is under way at a time, and a failed one does not stop the next', async (t) => {
    const { netlink, started, socket } = await setUp()
    await started
    let nth = 0
    socket.answers.set(NEWADDR, async () => {
      await flushPromises()
      if (nth++ === 0) throw new Error('timeout')
      return ack(0) as Ack
    })
    const all = await Promise.allSettled([1, 2, 3].map((index) => netlink.holdAddress(index, HELD, 2)))
    t.strictSame(
      all.map(({ status }) => status),
      ['rejected', 'fulfilled', 'fulfilled']
    )
    t.equal(socket.mostInFlight, 1)
  })

  t.test('closed it says so, and closes both sockets', async (t) => {
    const { netlink, started, socket, eventsClosed } = await setUp()
    await started
    netlink.stop()
    netlink.stop()
    t.equal(socket.closed, 1)
    t.equal(eventsClosed(), 1)
    await t.rejects(netlink.holdAddress(2, HELD, 2), { code: 'NETLINK_FAILED' })
  })
})

t.test('systemd', async (t) => {
  const setUp = (environment: NodeJS.ProcessEnv, fails = false) => {
    const sent: string[] = []
    const unixDgramSend = (path: string, payload: Buffer): void => {
      if (fails) throw new Error('ECONNREFUSED')
      sent.push(`${path} ${payload.toString()}`)
    }
    return { sent, systemd: new Systemd({ unixDgramSend }, environment) }
  }
  t.test('hears of every state, in its own words', async (t) => {
    const { sent, systemd } = setUp({ NOTIFY_SOCKET: '/run/notify' })
    systemd.ready('VI_1 BACKUP')
    systemd.status('VI_1 MASTER')
    systemd.watchdog()
    systemd.stopping()
    t.strictSame(sent, [
      '/run/notify READY=1\nSTATUS=VI_1 BACKUP',
      '/run/notify STATUS=VI_1 MASTER',
      '/run/notify WATCHDOG=1',
      '/run/notify STOPPING=1\nSTATUS=handing over and draining'
    ])
  })
  t.test('that is not there is told nothing, and one that does not answer hurts nothing', async (t) => {
    for (const environment of [{}, { NOTIFY_SOCKET: '' }]) {
      const { sent, systemd } = setUp(environment)
      systemd.ready('x')
      t.strictSame(sent, [])
    }
    const { systemd } = setUp({ NOTIFY_SOCKET: '@x' }, true)
    t.doesNotThrow(() => systemd.ready('x'))
  })
  t.test('wants the watchdog fed only where it says so, and to us', async (t) => {
    const pid = String(process.pid)
    t.equal(setUp({ WATCHDOG_USEC: '10000000' }).systemd.watchdogMs, 10_000)
    t.equal(setUp({ WATCHDOG_USEC: '10000000', WATCHDOG_PID: pid }).systemd.watchdogMs, 10_000)
    t.equal(setUp({ WATCHDOG_USEC: '10000000', WATCHDOG_PID: '1' }).systemd.watchdogMs, undefined)
    t.equal(setUp({}).systemd.watchdogMs, undefined)
    t.equal(setUp({ WATCHDOG_USEC: 'soon' }).systemd.watchdogMs, undefined)
  })
})
