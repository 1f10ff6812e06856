import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { systemClock } from '../../src/base/clock.js'
import { type Prefix, parsePrefix } from '../../src/base/ip.js'
import type { VirtualAddress } from '../../src/config/vip-schema.js'
import { addon } from '../../src/os/addon.js'
import { Netlink } from '../../src/os/netlink.js'
import { Addresses } from '../../src/vrrp/addresses.js'
import { MemoryLog } from '../fakes/memory-log.js'
import { ip, makeBridge, namespaceName, removeNamespaces } from '../lab/namespaces.js'
import { whyNoLab } from '../lab/packages.js'
import { poll } from '../lab/wait.js'

/** What the real kernel makes of our addresses, where promote_secondaries is off. The file runs itself inside a namespace of its own. */

const INSIDE = 'VIPD_TEST_PEER_NAMESPACE'
const peer = process.env[INSIDE]
const skip = whyNoLab(['iproute2']) ?? false

t.setTimeout(120_000)

if (peer === undefined) outside()
else inside(peer)

function outside(): void {
  t.test('addresses in the kernel', { skip }, async (t) => {
    const [bridge, here, there] = [namespaceName('br'), namespaceName('here'), namespaceName('there')]
    t.teardown(() => removeNamespaces([bridge, here, there]))
    makeBridge(bridge, [
      { namespace: here, interface: 'v0', address: '192.0.2.1/24' },
      { namespace: there, interface: 'v0', address: '192.0.2.2/24' }
    ])
    const file = fileURLToPath(import.meta.url)
    await t.spawn('ip', ['netns', 'exec', here, process.execPath, file], { env: { ...process.env, [INSIDE]: there } })
  })
}

function prefixOf(text: string): Prefix {
  const prefix = parsePrefix(text)
  if (prefix === undefined) throw new Error(text)
  return prefix
}

function vip(text: string, overrides: Partial<VirtualAddress> = {}): VirtualAddress {
  const plain = { dev: null, label: null, scope: 0, broadcast: null, noDad: true }
  return { ...prefixOf(text), ...plain, ...overrides }
}

interface Shown {
  readonly family: string
  readonly local: string
  readonly prefixlen: number
  readonly label?: string
  readonly scope: string
  readonly broadcast?: string
  readonly secondary?: boolean
}

/** As `ip` shows them, without the kernel's own link-local one. */
function shown(): Shown[] {
  const [device] = JSON.parse(execFileSync('ip', ['-j', 'address', 'show', 'dev', 'v0'], { encoding: 'utf8' })) as [
    { addr_info: Shown[] }
  ]
  return device.addr_info.filter((one) => !one.local.startsWith('fe80:'))
}

const names = (): string[] =>
  shown()
    .map((one) => `${one.local}/${one.prefixlen}`)
    .sort()

function inside(peer: string): void {
  const setUp = async (
    t: Pick<typeof import('tap').t, 'teardown' | 'fail'>,
    vips: readonly VirtualAddress[],
    leaseS = 60
  ) => {
    ip(['address', 'flush', 'dev', 'v0', 'scope', 'global'])
    execFileSync('sysctl', ['-qw', 'net.ipv4.conf.all.promote_secondaries=0', 'net.ipv4.conf.v0.promote_secondaries=0'])
    const log = new MemoryLog()
    const held: string[] = []
    const refused: string[] = []
    const netlink = new Netlink(
      addon(),
      () => addresses.kernelChanged(),
      (error) => t.fail(String(error))
    )
    const addresses = new Addresses(leaseS, {
      kernel: netlink,
      log,
      clock: systemClock,
      beforeGone: async () => undefined,
      onHeld: (fresh) => held.push(...fresh.map(({ address }) => address)),
      onRefused: (reason) => refused.push(reason)
    })
    await netlink.start()
    t.teardown(() => netlink.stop())
    const index = netlink.link('v0')?.index ?? 0
    addresses.set(vips)
    addresses.place((dev) => (dev === null || dev === 'v0' ? index : null))
    return { addresses, netlink, index, log, held, refused }
  }
  const until = (wanted: readonly string[]): Promise<unknown> =>
    poll(() => names().join() === [...wanted].sort().join(), 5000, wanted.join(), 20)

  t.test('label, scope and broadcast address are as `ip` shows them', async (t) => {
    const looks = { label: 'v0:vip', scope: 253, broadcast: '10.7.0.255' }
    const { addresses, refused } = await setUp(t, [vip('10.7.0.9/24', looks), vip('fd00::99')])
    addresses.want(true)
    await addresses.settled()
    t.strictSame(refused, [])
    t.match(
      shown().find((one) => one.local === '10.7.0.9'),
      { prefixlen: 24, label: 'v0:vip', scope: 'link', broadcast: '10.7.0.255' }
    )
    t.match(
      shown().find((one) => one.local === 'fd00::99'),
      { prefixlen: 128, scope: 'global' }
    )
    addresses.want(false)
    await addresses.settled()
    t.strictSame(names(), [])
  })

  t.test('the host’s own address of the same prefix stays when the VIP goes', async (t) => {
    const { addresses, index } = await setUp(t, [vip('10.7.0.9/16')])
    ip(['address', 'add', '10.7.1.1/16', 'dev', 'v0'])
    addresses.want(true)
    await addresses.settled()
    t.ok(shown().find((one) => one.local === '10.7.0.9')?.secondary)
    t.ok(index > 0)
    addresses.want(false)
    await addresses.settled()
    t.strictSame(names(), ['10.7.1.1/16'])
  })

  t.test('of three in one subnet the first is given up: the kernel drops the others, and they come back', async (t) => {
    const three = ['10.7.0.1/24', '10.7.0.2/24', '10.7.0.3/24'].map((one) => vip(one))
    const { addresses, log, held } = await setUp(t, three)
    addresses.want(true)
    await addresses.settled()
    t.strictSame(names(), ['10.7.0.1/24', '10.7.0.2/24', '10.7.0.3/24'])
    t.ok(shown().find((one) => one.local === '10.7.0.3')?.secondary)
    // The kernel's word of it has to be read first, as in life.
    await poll(() => held.length === 3, 2000, 'all three', 20)
    addresses.set(three.slice(1))
    await addresses.settled()
    await until(['10.7.0.2/24', '10.7.0.3/24'])
    t.strictSame(held.slice(3), ['10.7.0.2', '10.7.0.3'], 'announced again: they had been gone')
    t.equal(addresses.readded, 0)
    t.strictSame(log.lines, [])
    addresses.want(false)
    await addresses.settled()
    t.strictSame(names(), [])
  })

  t.test('those of another instance come back too', async (t) => {
    const { addresses, netlink, index } = await setUp(t, [vip('10.7.0.2/24')])
    await netlink.holdAddress(index, vip('10.7.0.1/24'), 60)
    addresses.want(true)
    await addresses.settled()
    t.ok(shown().find((one) => one.local === '10.7.0.2')?.secondary)
    await poll(() => [...netlink.addresses()].some((one) => one.isSecondary), 2000, 'known as the second', 20)
    await netlink.removeAddress(index, prefixOf('10.7.0.1/24'))
    await until(['10.7.0.2/24'])
    await addresses.settled()
    t.equal(addresses.readded, 0)
  })

  for (const end of ['by our hand', 'by the end of its lease']) {
    t.test(`an address of the host’s that came after the VIP does not go with it ${end}`, async (t) => {
      const { addresses, netlink } = await setUp(t, [vip('10.7.0.9/16')], end === 'by our hand' ? 60 : 2)
      addresses.want(true)
      await addresses.settled()
      ip(['address', 'add', '10.7.1.1/16', 'dev', 'v0'])
      t.ok(shown().find((one) => one.local === '10.7.1.1')?.secondary)
      await poll(() => [...netlink.addresses()].some((one) => one.isSecondary), 2000, 'known as the second', 20)
      if (end === 'by our hand') addresses.want(false)
      else addresses.renew()
      await addresses.settled()
      netlink.stop()
      await until(['10.7.1.1/16'])
      t.strictSame(names(), ['10.7.1.1/16'])
    })
  }

  t.test('what somebody deletes is back at once', async (t) => {
    const { addresses, held } = await setUp(t, [vip('10.7.0.9'), vip('fd00::99')])
    addresses.want(true)
    await addresses.settled()
    ip(['address', 'del', '10.7.0.9/32', 'dev', 'v0'])
    await poll(() => addresses.readded === 1, 2000, 'put back', 20)
    await addresses.settled()
    await until(['10.7.0.9/32', 'fd00::99/128'])
    t.strictSame(held, ['10.7.0.9', 'fd00::99', '10.7.0.9'])
  })

  t.test('IPv6 addresses come back when the kernel flushed them as the link went down', async (t) => {
    const { addresses, refused } = await setUp(t, [vip('fd00::99'), vip('10.7.0.9')])
    addresses.want(true)
    await addresses.settled()
    ip(['link', 'set', 'v0', 'down'])
    await poll(() => addresses.readded > 0, 2000, 'the flush was noticed', 20)
    await addresses.settled()
    ip(['link', 'set', 'v0', 'up'])
    addresses.renew()
    await addresses.settled()
    await until(['10.7.0.9/32', 'fd00::99/128'])
    t.strictSame(refused, [])
    await poll(() => addresses.isHeld, 2000, 'held', 20)
    t.ok(addresses.snapshot().every((one) => one.held))
  })

  t.test('IPv6 that somebody else has fails duplicate detection, and is had when that one is gone', async (t) => {
    const { addresses, netlink, held, index } = await setUp(t, [vip('fd00::77', { noDad: false })])
    t.teardown(() => {
      ip(['-n', peer, 'address', 'flush', 'dev', 'v0', 'to', 'fd00::77'])
    })
    ip(['-n', peer, 'address', 'add', 'fd00::77/128', 'dev', 'v0', 'nodad'])
    addresses.want(true)
    await addresses.settled()
    t.equal(netlink.addressState(index, prefixOf('fd00::77')), 'tentative')
    await poll(() => addresses.dadMended > 0, 5000, 'duplicate detection failed', 20)
    t.strictSame(held, [])
    t.equal(addresses.readded, 0)
    ip(['-n', peer, 'address', 'del', 'fd00::77/128', 'dev', 'v0'])
    const renewals = setInterval(() => addresses.renew(), 500)
    t.teardown(() => clearInterval(renewals))
    await poll(() => addresses.isHeld, 8000, 'held', 20)
    t.strictSame(held, ['fd00::77'])
  })

  t.test('an IPv6 address that is there with another length is refused with that reason', async (t) => {
    const { netlink, index } = await setUp(t, [])
    ip(['address', 'add', 'fd00::55/64', 'dev', 'v0', 'nodad'])
    await poll(() => netlink.hasAddress(index, prefixOf('fd00::55/64')), 2000, 'known', 20)
    await t.rejects(netlink.holdAddress(index, vip('fd00::55'), 60), {
      message: 'cannot add fd00::55/128: it is on the interface as fd00::55/64'
    })
  })

  t.test('a link tells how much it has heard, when asked', async (t) => {
    const { netlink, index } = await setUp(t, [])
    const before = (await netlink.readLink(index))?.rxPackets ?? Number.NaN
    ip(['-n', peer, 'neigh', 'flush', 'dev', 'v0'])
    ip(['-n', peer, 'address', 'add', '192.0.2.77/32', 'dev', 'v0'])
    execFileSync('ip', [
      'netns',
      'exec',
      peer,
      process.execPath,
      '-e',
      "require('dgram').createSocket('udp4').bind(0,function(){this.setBroadcast(true);this.send('x',9,'192.0.2.255',()=>this.close())})"
    ])
    await poll(async () => ((await netlink.readLink(index))?.rxPackets ?? 0) > before, 3000, 'a packet', 20)
    t.equal(await netlink.readLink(9999), undefined)
  })
}
