import t from 'tap'
import { parsePrefix } from '../../../src/base/ip.js'
import { Mirror, networkOf } from '../../../src/os/mirror.js'
import {
  type AddressRequest,
  decodeEvent,
  encodeGetLink,
  encodeNewAddress,
  encodePromoteSecondaries,
  type KernelAddress
} from '../../../src/os/rtnetlink.js'
import { kernelAddress, link } from '../../fakes/fake-kernel.js'

const NEWADDR = 20
const prefixOf = (text: string) => {
  const prefix = parsePrefix(text)
  if (prefix === undefined) throw new Error(text)
  return prefix
}
const request = (text: string, overrides: Partial<AddressRequest> = {}): AddressRequest => ({
  ...prefixOf(text),
  label: null,
  scope: 0,
  broadcast: null,
  noDad: true,
  ...overrides
})
const hex = (payload: Uint8Array[]): string => Buffer.concat(payload).toString('hex')

t.test('the bytes that ask for an address with a label, a scope and a broadcast address', async (t) => {
  const wanted = request('10.32.255.99/16', { label: 'bond0:v', scope: 253, broadcast: '10.32.255.255' })
  t.equal(
    hex(encodeNewAddress(3, wanted, 2)),
    [
      '021000fd03000000', // AF_INET, /16, scope link, index 3
      '080002000a20ff63', // IFA_LOCAL
      '080001000a20ff63', // IFA_ADDRESS
      '0c000300626f6e64303a7600', // IFA_LABEL
      '080004000a20ffff', // IFA_BROADCAST
      '1400060000000000020000000000000000000000', // IFA_CACHEINFO
      '0800080002000000', // IFA_FLAGS: NODAD
      '05000b0076' // IFA_PROTO
    ].join('')
  )
})

t.test('IPv6 has neither label, scope nor broadcast; duplicate detection only where it is asked for', async (t) => {
  const odd = { label: 'x', scope: 253, broadcast: '10.0.0.255' }
  t.equal(hex(encodeNewAddress(3, request('fd00::99', odd), 2)), hex(encodeNewAddress(3, request('fd00::99'), 2)))
  t.match(hex(encodeNewAddress(3, request('fd00::99'), 2)), /0800080002020000/, 'NODAD, NOPREFIXROUTE')
  t.match(hex(encodeNewAddress(3, request('fd00::99', { noDad: false }), 2)), /0800080000020000/)
})

t.test('the bytes that ask for one link, and that switch promote_secondaries on', async (t) => {
  t.equal(encodeGetLink(3).toString('hex'), '00000000030000000000000000000000')
  t.equal(
    hex(encodePromoteSecondaries(3)),
    [
      '00000000030000000000000000000000',
      '14001a00', // IFLA_AF_SPEC
      '10000200', // AF_INET
      '0c000100', // IFLA_INET_CONF
      '0800140001000000' // 20: 1
    ].join('')
  )
})

t.test('flags of an address', async (t) => {
  const decoded = (family: 4 | 6, narrow: number, wide?: number, scope = 0): KernelAddress => {
    const address = Buffer.alloc(family === 4 ? 8 : 20)
    address.writeUInt16LE(address.length, 0)
    address.writeUInt16LE(1, 2)
    const flags = Buffer.alloc(wide === undefined ? 0 : 8)
    if (wide !== undefined) flags.writeUInt32LE(0x00080008, 0)
    if (wide !== undefined) flags.writeUInt32LE(wide, 4)
    const head = Buffer.from([family === 4 ? 2 : 10, 24, narrow, scope, 2, 0, 0, 0])
    const [event] = decodeEvent(NEWADDR, Buffer.concat([head, address, flags]))
    if (event?.type !== 'address') throw new Error('no address')
    return event.address
  }
  t.match(decoded(6, 0x40), { isTentative: true, isDadFailed: false, isSecondary: false, scope: 0 })
  t.match(decoded(6, 0x48), { isTentative: true, isDadFailed: true })
  t.match(decoded(6, 0x40, 0x208), { isTentative: false, isDadFailed: true }, 'IFA_FLAGS is the whole of it')
  t.match(decoded(6, 0x01), { isSecondary: false }, 'a temporary one')
  t.match(decoded(4, 0x01), { isSecondary: true })
  t.match(decoded(4, 0x48), { isTentative: false, isDadFailed: false }, 'IPv4 knows neither')
  t.match(decoded(6, 0, 0, 253), { isLinkLocal: true, scope: 253 })
  t.match(decoded(6, 0, 0, 200), { isLinkLocal: false, scope: 200 })
})

t.test('the mirror', async (t) => {
  const six = prefixOf('fd00::99')
  const told = (mirror: Mirror, address: KernelAddress, isGone = false): boolean =>
    mirror.store({ type: 'address', isGone, address })

  t.test('a renewed lease is no change, anything else is', async (t) => {
    const mirror = new Mirror()
    t.ok(told(mirror, kernelAddress(2, six)))
    t.notOk(told(mirror, kernelAddress(2, six)))
    t.ok(told(mirror, kernelAddress(2, six, { isTentative: true })))
    t.ok(told(mirror, kernelAddress(2, six), true))
    t.notOk(told(mirror, kernelAddress(2, six), true))
  })

  t.test('tells how an address is', async (t) => {
    const mirror = new Mirror()
    t.equal(mirror.stateOf(2, six), 'missing')
    told(mirror, kernelAddress(2, six, { isTentative: true }))
    t.equal(mirror.stateOf(2, six), 'tentative')
    t.equal(mirror.stateOf(3, six), 'missing')
    told(mirror, kernelAddress(2, six))
    t.equal(mirror.stateOf(2, six), 'held')
    told(mirror, kernelAddress(2, six, { isTentative: true, isDadFailed: true }))
    t.equal(mirror.stateOf(2, six), 'dad-failed')
    told(mirror, kernelAddress(2, six), true)
    t.equal(mirror.stateOf(2, six), 'missing')
  })

  t.test('remembers that duplicate detection took one away, over a new reading, until it is there again', async (t) => {
    const mirror = new Mirror()
    told(mirror, kernelAddress(2, six, { isDadFailed: true }), true)
    t.equal(mirror.stateOf(2, six), 'dad-failed')
    const next = new Mirror(mirror)
    t.equal(next.stateOf(2, six), 'dad-failed')
    told(next, kernelAddress(2, six))
    t.equal(next.stateOf(2, six), 'held')
  })

  t.test('forgets the oldest causes first', async (t) => {
    const mirror = new Mirror()
    for (let i = 0; i < 257; i++) told(mirror, kernelAddress(i, six, { isDadFailed: true }), true)
    t.equal(mirror.stateOf(0, six), 'missing')
    t.equal(mirror.stateOf(1, six), 'dad-failed')
    t.equal(mirror.stateOf(256, six), 'dad-failed')
  })

  t.test('knows what goes with the first of a subnet', async (t) => {
    const mirror = new Mirror()
    const first = prefixOf('10.0.0.1/24')
    const later = { isSecondary: true }
    told(mirror, kernelAddress(2, first))
    told(mirror, kernelAddress(2, prefixOf('10.0.0.2/24'), later))
    told(mirror, kernelAddress(2, prefixOf('10.0.0.3/24'), { ...later, protocol: 0 }))
    told(mirror, kernelAddress(2, prefixOf('10.0.1.4/24'), later))
    told(mirror, kernelAddress(2, prefixOf('10.0.0.5/25'), later))
    told(mirror, kernelAddress(3, prefixOf('10.0.0.6/24'), later))
    const names = (rows: readonly KernelAddress[]): string[] => rows.map(({ prefix }) => prefix.address)
    t.strictSame(names(mirror.dependents(2, first)), ['10.0.0.2', '10.0.0.3'])
    t.strictSame(names(mirror.foreignDependents(2, first)), ['10.0.0.3'])
    t.strictSame(mirror.dependents(2, prefixOf('10.0.0.2/24')), [], 'it is not the first')
    mirror.noteWentAlong(kernelAddress(2, prefixOf('10.0.0.2/24')))
    t.equal(mirror.stateOf(2, prefixOf('10.0.0.2/24')), 'went-along')
    mirror.forgetCause(2, prefixOf('10.0.0.2/24'))
    t.equal(mirror.stateOf(2, prefixOf('10.0.0.2/24')), 'held')
    t.strictSame(mirror.dependents(2, six), [])
  })

  t.test('finds an IPv6 address of another length, which the kernel takes for the same', async (t) => {
    const mirror = new Mirror()
    told(mirror, kernelAddress(2, six))
    t.equal(mirror.otherLength(2, six), undefined)
    t.equal(mirror.otherLength(2, prefixOf('fd00::99/64'))?.prefix.length, 128)
    t.equal(mirror.otherLength(3, prefixOf('fd00::99/64')), undefined)
    told(mirror, kernelAddress(2, prefixOf('10.0.0.1')))
    t.equal(mirror.otherLength(2, prefixOf('10.0.0.1/24')), undefined, 'in IPv4 they are two')
  })

  t.test('follows links', async (t) => {
    const mirror = new Mirror()
    mirror.store({ type: 'link', isGone: false, link: link() })
    t.equal(mirror.links.get(2)?.name, 'bond0')
    mirror.store({ type: 'link', isGone: true, link: link() })
    t.equal(mirror.links.size, 0)
  })
})

t.test('the network of a prefix', async (t) => {
  const same = (left: string, right: string): boolean => networkOf(prefixOf(left)) === networkOf(prefixOf(right))
  t.ok(same('10.0.0.1/24', '10.0.0.254/24'))
  t.notOk(same('10.0.0.1/24', '10.0.1.1/24'))
  t.ok(same('200.0.0.1/0', '1.2.3.4/0'))
  t.notOk(same('200.0.0.1/32', '200.0.0.2/32'))
  t.notOk(same('128.0.0.1/1', '127.0.0.1/1'))
})
