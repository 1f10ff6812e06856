import t from 'tap'
import { seedConfig } from '../lab/config.js'
import { Lab, type LabNode, vip } from '../lab/lab.js'
import { whyNoLab } from '../lab/packages.js'
import { Vipd } from '../lab/vipd.js'
import { nowMs, poll } from '../lab/wait.js'

/** What is on the wire, as tcpdump wrote it down and tshark judges it. */

t.setTimeout(280_000)
const skip = whyNoLab(['tcpdump', 'tshark']) ?? false

t.test('on the wire', { skip }, async (t) => {
  const lab = new Lab()
  t.teardown(() => lab.close())
  const [m1, m2] = lab.masters
  const wire = await lab.capture('ip proto 112 or arp or igmp')
  const checks = await lab.capture('tcp port 6443', 'checks', m2)
  await lab.watchOwners()
  await lab.startApiserver(m2)
  const vipd = lab.ending(new Vipd(lab, m1, seedConfig(lab, m1, { priority: 100, password: 'hidden-7' })))
  await vipd.start()
  const master = await lab.owners.until(['m1'], 6000)
  await vipd.untilServer('apiserver02', 'UP', 5000)
  // The second burst of announcements comes after 5 s.
  const announced = (): number => wire.read(`arp.src.proto_ipv4 == ${vip}`, ['frame.number']).length
  await poll(() => nowMs() - master > 5300 && announced() >= 10, 10_000, 'two bursts of announcements', 200)
  const accepted = await acceptedBy(lab, m2)
  await vipd.stop('SIGTERM')
  await poll(() => wire.read('vrrp.prio == 0', ['frame.number']).length > 0, 3000, 'priority 0', 100)
  await Promise.all([wire.stop(), checks.stop()])

  await t.test('adverts are as RFC 3768 wants them', async (t) => {
    const fields = [
      'eth.src',
      'eth.dst',
      'ip.src',
      'ip.dst',
      'ip.ttl',
      'ip.dsfield',
      'ip.checksum.status',
      'ip.len'
    ] as const
    const vrrp = [
      'vrrp.version',
      'vrrp.virt_rtr_id',
      'vrrp.adver_int',
      'vrrp.checksum.status',
      'vrrp.auth_type',
      'vrrp.ip_addr'
    ] as const
    const adverts = wire.read('vrrp', [...fields, ...vrrp])
    t.ok(adverts.length >= 5, `${adverts.length} adverts`)
    const expected = {
      'eth.src': m1.mac,
      'eth.dst': '01:00:5e:00:00:12',
      'ip.src': m1.address,
      'ip.dst': '224.0.0.18',
      'ip.ttl': '255',
      'ip.dsfield': '0xc0',
      'ip.checksum.status': '1',
      'ip.len': '40',
      'vrrp.version': '2',
      'vrrp.virt_rtr_id': '88',
      'vrrp.adver_int': '1',
      'vrrp.checksum.status': '1',
      'vrrp.auth_type': '1',
      'vrrp.ip_addr': vip
    }
    for (const advert of distinct(adverts)) t.strictSame(advert, expected)
  })

  await t.test('an advert a second with priority 100, and one with priority 0 at the end', async (t) => {
    const adverts = wire.read('vrrp', ['frame.time_epoch', 'vrrp.prio'])
    t.strictSame(adverts.at(-1)?.['vrrp.prio'], '0')
    t.ok(adverts.slice(0, -1).every((advert) => advert['vrrp.prio'] === '100'))
    const times = adverts.slice(0, -1).map((advert) => Number(advert['frame.time_epoch']))
    const gaps = times.slice(1).map((at, index) => at - (times[index] ?? at))
    t.ok(
      gaps.every((gap) => gap > 0.9 && gap < 1.3),
      `a second apart: ${gaps.map((gap) => gap.toFixed(3))}`
    )
  })

  await t.test('gratuitous ARP: 5 at once and 5 more after 5 s, each the request that keepalived sends', async (t) => {
    const announcements = wire.read(`arp.src.proto_ipv4 == ${vip}`, ['frame.time_epoch'])
    const times = announcements.map((one) => Number(one['frame.time_epoch']))
    const begin = times[0] ?? 0
    t.equal(times.filter((at) => at - begin < 1).length, 5)
    t.equal(times.filter((at) => at - begin >= 4.9 && at - begin < 6).length, 5)
    const [mac, address] = [m1.mac.replaceAll(':', ''), hexOf(vip)]
    const frame = `ffffffffffff${mac}08060001080006040001${mac}${address}ffffffffffff${address}`
    for (const one of new Set(wire.frames(`arp.src.proto_ipv4 == ${vip}`))) t.equal(one.slice(0, 84), frame)
  })

  await t.test('a health check is SYN, SYN/ACK, RST and costs the server no accept', async (t) => {
    t.equal(accepted, 1, 'the server has seen one connection: the one that asks')
    const flags = checks.read(`ip.addr == ${m1.address} && tcp.port == 6443`, ['tcp.stream', 'tcp.flags', 'tcp.len'])
    const streams = new Map<string, string[]>()
    for (const packet of flags) {
      const stream = packet['tcp.stream']
      streams.set(stream, [...(streams.get(stream) ?? []), packet['tcp.flags']])
    }
    t.ok(streams.size >= 5, `${streams.size} checks`)
    const shapes = new Set([...streams.values()].map((packets) => packets.map((flag) => Number(flag)).join(' ')))
    for (const shape of shapes) t.match(shape, /^2 18 (4|20)$/)
    t.ok(flags.every((packet) => packet['tcp.len'] === '0'))
  })

  await t.test('the password is nowhere in the log', async (t) => {
    t.notMatch(vipd.child.lines.join('\n'), /hidden-7/)
  })
})

/** Asks the stand-in itself how many connections it has accepted, the asking one included. */
async function acceptedBy(lab: Lab, node: LabNode): Promise<number> {
  const client = lab.startClient(10_000, node.address, 6443)
  await client.until(1, 0, 5000)
  await client.stop()
  return client.answers[0]?.accepted ?? Number.NaN
}

function hexOf(address: string): string {
  return address
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('')
}

function distinct<Row extends object>(rows: readonly Row[]): Row[] {
  const seen = new Map(rows.map((row) => [JSON.stringify(row), row]))
  return [...seen.values()]
}
