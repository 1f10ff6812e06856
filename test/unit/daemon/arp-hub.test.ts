import t from 'tap'
import { ArpHub } from '../../../src/daemon/arp-hub.js'
import type { Addon, NativeArp } from '../../../src/os/addon.js'

const ARP: NativeArp = {
  operation: 1,
  senderMac: Buffer.from([2, 0, 0, 0, 0, 1]),
  senderAddress: '10.0.0.1',
  targetAddress: '10.0.0.2'
}

function hub() {
  const sockets: { index: number; onArp: (arp: NativeArp) => void; closed: number }[] = []
  let refusal: Error | undefined
  class ArpSocket {
    readonly #one: (typeof sockets)[number]
    constructor(index: number, onArp: (arp: NativeArp) => void) {
      if (refusal !== undefined) throw refusal
      this.#one = { index, onArp, closed: 0 }
      sockets.push(this.#one)
    }
    close(): void {
      this.#one.closed++
    }
  }
  const refuse = (error: Error | undefined): void => {
    refusal = error
  }
  return { hub: new ArpHub({ ArpSocket } as Pick<Addon, 'ArpSocket'>), sockets, refuse }
}

t.test('all listeners of an interface share one socket, and each hears every packet once', async (t) => {
  const { hub: one, sockets } = hub()
  const heard: string[] = []
  one.open(2, () => heard.push('a'))
  one.open(2, () => heard.push('b'))
  one.open(3, () => heard.push('other'))
  t.strictSame(
    sockets.map(({ index }) => index),
    [2, 3]
  )
  sockets[0]?.onArp(ARP)
  t.strictSame(heard, ['a', 'b'])
})

t.test('the same function listens twice when it asked twice', async (t) => {
  const { hub: one, sockets } = hub()
  let count = 0
  const onArp = (): void => void count++
  const first = one.open(2, onArp)
  one.open(2, onArp)
  sockets[0]?.onArp(ARP)
  t.equal(count, 2)
  first.close()
  sockets[0]?.onArp(ARP)
  t.equal(count, 3)
  t.equal(sockets[0]?.closed, 0)
})

t.test('the socket is closed with its last listener, once, and opened anew for the next', async (t) => {
  const { hub: one, sockets } = hub()
  const [a, b] = [one.open(2, () => undefined), one.open(2, () => undefined)]
  a.close()
  a.close()
  t.equal(sockets[0]?.closed, 0)
  b.close()
  b.close()
  t.equal(sockets[0]?.closed, 1)
  const heard: NativeArp[] = []
  one.open(2, (arp) => heard.push(arp))
  t.equal(sockets.length, 2)
  a.close()
  b.close()
  t.equal(sockets[1]?.closed, 0, 'who left before does not close another’s')
  sockets[1]?.onArp(ARP)
  t.strictSame(heard, [ARP])
})

t.test('a socket that cannot be opened is the caller’s to hear of, and is tried again', async (t) => {
  const { hub: one, sockets, refuse } = hub()
  refuse(new Error('EPERM'))
  t.throws(() => one.open(2, () => undefined), /EPERM/)
  refuse(undefined)
  one.open(2, () => undefined)
  t.equal(sockets.length, 1)
})
