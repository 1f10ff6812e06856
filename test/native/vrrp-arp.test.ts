import t from 'tap'
import { addon, type NativeArp } from '../../src/os/addon.js'
import { until } from './bench.js'
import { canOpenRaw, ownAddress } from './vrrp-bench.js'

/** ArpSocket on the loopback interface, where every frame is seen twice: as it leaves and as it comes in. */

const LO = 1
const mac = Buffer.from('525400aabb01', 'hex')
const bytesOf = (address: string): Buffer => Buffer.from(address.split('.').map(Number))

/** A whole frame; `change` spoils the packet in it. */
function frame(operation: number, sender: string, target: string, change?: (arp: Buffer) => Buffer): Buffer {
  const arp = Buffer.alloc(28)
  arp.set([0, 1, 8, 0, 6, 4, 0, operation])
  arp.set(mac, 8)
  arp.set(bytesOf(sender), 14)
  arp.set(bytesOf(target), 24)
  return Buffer.concat([Buffer.from('ffffffffffff0000000000000806', 'hex'), change?.(arp) ?? arp])
}

t.test('ARP', async (t) => {
  if (!canOpenRaw(t)) return
  const sender = ownAddress()
  const heard: NativeArp[] = []
  const socket = new (addon().ArpSocket)(LO, (arp) => {
    if (arp.senderAddress === sender) heard.push(arp)
  })
  t.teardown(() => socket.close())
  const settled = async (): Promise<void> => {
    const marker = `10.0.0.${1 + (heard.length % 250)}`
    addon().sendFrame(LO, frame(9, sender, marker))
    await until(
      'all before it were read',
      () => heard.at(-1)?.operation === 9 && heard.at(-1)?.targetAddress === marker
    )
    heard.pop()
  }

  t.test('that comes in is told, once, and what leaves is not', async (t) => {
    addon().sendFrame(LO, frame(1, sender, '10.1.2.3'))
    addon().sendFrame(LO, frame(2, sender, '10.1.2.4'))
    await settled()
    t.strictSame(heard.splice(0), [
      { operation: 1, senderMac: mac, senderAddress: sender, targetAddress: '10.1.2.3' },
      { operation: 2, senderMac: mac, senderAddress: sender, targetAddress: '10.1.2.4' }
    ])
  })

  t.test('with the padding of a short frame is told', async (t) => {
    addon().sendFrame(
      LO,
      frame(1, sender, '10.1.2.3', (arp) => Buffer.concat([arp, Buffer.alloc(18)]))
    )
    await settled()
    t.equal(heard.splice(0).length, 1)
  })

  t.test('of another kind, or cut, is not', async (t) => {
    const set = (at: number, value: number) => (arp: Buffer) => {
      arp[at] = value
      return arp
    }
    const spoil = [set(1, 6), set(2, 0x86), set(4, 8), set(5, 16), (arp: Buffer) => arp.subarray(0, 27)]
    for (const change of spoil) addon().sendFrame(LO, frame(1, sender, '10.1.2.3', change))
    const ethertype = frame(1, sender, '10.1.2.3')
    ethertype.writeUInt16BE(0x8035, 12)
    addon().sendFrame(LO, ethertype)
    await settled()
    t.strictSame(heard.splice(0), [])
  })

  t.test('is not told once the socket is closed, which does not keep the main loop waiting', async (t) => {
    const sockets = Array.from({ length: 20 }, () => new (addon().ArpSocket)(LO, () => t.fail('closed')))
    addon().sendFrame(LO, frame(1, sender, '10.1.2.3'))
    const before = performance.now()
    for (const one of sockets) one.close()
    for (const one of sockets) one.close()
    t.ok(performance.now() - before < 100, '20 grace periods would be more')
    await settled()
    heard.splice(0)
  })

  t.test('of an interface that is not there is an error', async (t) => {
    t.throws(() => new (addon().ArpSocket)(2_000_000_000, () => undefined), { code: 'ENODEV', syscall: 'bind' })
  })
})
