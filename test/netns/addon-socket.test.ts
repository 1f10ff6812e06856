import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Child } from '../lab/child.js'
import { atExit } from '../lab/cleanup.js'
import { seedConfig } from '../lab/config.js'
import { Keepalived, keepalivedConf } from '../lab/keepalived.js'
import { Lab, vip } from '../lab/lab.js'
import { ip, makeBridge, namespaceName, removeNamespaces } from '../lab/namespaces.js'
import { whyNoLab } from '../lab/packages.js'
import { Vipd } from '../lab/vipd.js'
import { nowMs, poll } from '../lab/wait.js'

/** Where npm raw-socket was not built (npm 12 skips install scripts, a Node upgrade outdates it) the addon carries VRRP. */

/** A Node in which raw-socket cannot be loaded. */
const WITHOUT_RAW_SOCKET = `const Module = require('node:module')
const load = Module._load
Module._load = function (name, ...rest) {
  if (name === 'raw-socket') throw new Error('not built')
  return load.call(this, name, ...rest)
}
`

t.setTimeout(120_000)
const skip = whyNoLab(['keepalived', 'tcpdump', 'tshark']) ?? false

t.test('without raw-socket vipd speaks VRRP through its addon', { skip }, async (t) => {
  const lab = new Lab()
  t.teardown(() => lab.close())
  const [m1, m2] = lab.masters
  const preload = join(lab.folder, 'no-raw-socket.cjs')
  writeFileSync(preload, WITHOUT_RAW_SOCKET)
  await lab.watchOwners()
  const wire = await lab.capture('ip proto 112', 'wire')
  const env = { NODE_OPTIONS: `--require ${preload}` }
  const vipd = lab.ending(new Vipd(lab, m1, seedConfig(lab, m1, { priority: 100 }), env))
  await vipd.start()
  await lab.owners.until(['m1'], 6000)

  await t.test('status says so', async (t) => {
    t.match(await vipd.instance(), { state: 'MASTER', socket: 'addon' })
  })

  const keepalived = lab.ending(new Keepalived(lab, m2, keepalivedConf(vip, { priority: 150 })))
  await keepalived.started()

  await t.test('it hears a keepalived of higher priority and gives way', async (t) => {
    await lab.owners.until(['m2'], 8000)
    t.match(await vipd.untilState('BACKUP', 2000), { master: { address: m2.address, priority: 150 } })
  })

  await t.test('and takes over when that one stops', async (t) => {
    const since = nowMs()
    await keepalived.stop()
    await lab.owners.until(['m1'], 6000)
    t.ok((lab.owners.takenAfter('m1', since) ?? Number.POSITIVE_INFINITY) - since < 1500)
  })

  await t.test('its adverts have TTL 255, TOS 0xc0, its own address and a right checksum', async (t) => {
    await wire.stop()
    const adverts = wire.read(`ip.src == ${m1.address}`, ['ip.dst', 'ip.ttl', 'ip.dsfield', 'vrrp.checksum.status'])
    t.ok(adverts.length >= 3, `${adverts.length} adverts`)
    for (const advert of adverts) {
      t.match(advert, { 'ip.dst': '224.0.0.18', 'ip.ttl': '255', 'ip.dsfield': '0xc0' })
      t.match(advert['vrrp.checksum.status'], /^(1|Good)$/)
    }
  })
})

/** One end of a wire: both families open, what it hears printed as it comes. */
const STATION = `
import { addon } from ${JSON.stringify(new URL('../../src/os/addon.js', import.meta.url).href)}
import { openVrrpSocket } from ${JSON.stringify(new URL('../../src/os/raw-ip.js', import.meta.url).href)}
const { index, from4, from6 } = JSON.parse(process.env.STATION)
const say = (words) => console.log(JSON.stringify(words))
const open = (family, groups, source) => openVrrpSocket(
  addon(),
  { family, interface: 'eth7', interfaceIndex: index, groups, source },
  {
    onPacket: ({ payload, source, destination, ttl, receivedAtMs }) =>
      say({ heard: payload.subarray(0, 6).toString(), source, destination, ttl, receivedAtMs }),
    onError: (error) => say({ error })
  }
)
const v4 = open(4, ['224.0.0.18', '224.0.0.19'], from4)
const v6 = open(6, ['ff02:0:0::12'], from6)
const payload = (mark) => Buffer.from(mark.padEnd(8))
// A member of groups that the other sockets of this host must not hear of.
const other = [open(4, ['224.0.0.99'], from4), open(6, ['ff02::99'], from6)]
say({ kinds: [v4.kind, v6.kind] })
`

t.test('two ends of a wire', { skip: whyNoLab([]) ?? false }, async (t) => {
  const [bridge, left, right] = ['xbr', 'xa', 'xb'].map(namespaceName) as [string, string, string]
  const undo = (): void => removeNamespaces([left, right, bridge])
  const forget = atExit(undo)
  t.teardown(() => {
    forget()
    undo()
  })
  const port = (namespace: string, host: number) => ({ namespace, interface: 'eth7', address: `10.77.0.${host}/24` })
  makeBridge(bridge, [port(left, 1), port(right, 2)])
  for (const [namespace, host] of [[left, 1] as const, [right, 2] as const]) {
    ip(['-n', namespace, 'address', 'add', `10.77.0.10${host}/32`, 'dev', 'eth7'])
    for (const address of [`fe80::${host}`, `fe80::10${host}`])
      ip(['-n', namespace, 'address', 'add', `${address}/64`, 'dev', 'eth7', 'nodad'])
  }
  const station = (namespace: string, host: number, program = ''): Child => {
    const [shown] = JSON.parse(ip(['-n', namespace, '-j', 'link', 'show', 'eth7'])) as { ifindex: number }[]
    const env = { STATION: JSON.stringify({ index: shown?.ifindex, from4: `10.77.0.${host}`, from6: `fe80::${host}` }) }
    const argv = ['ip', 'netns', 'exec', namespace, process.execPath, '--input-type=module', '-e', STATION + program]
    const child = new Child(argv, { env })
    t.teardown(() => child.stop('SIGKILL'))
    return child
  }
  const heard = (child: Child) =>
    child.lines
      .map((line) => JSON.parse(line) as { heard?: string; source: string; destination: string; ttl: number })
      .filter((line) => line.heard !== undefined)
      .map((line) => `${line.heard?.trim()} ${line.source} ${line.destination} ${line.ttl}`)
  const listener = station(right, 2)
  await listener.line(/kinds/, 10_000)

  await t.test('each packet has the source and TTL that was asked for, in both families', async (t) => {
    const speaker = station(
      left,
      1,
      `
      const four = (mark, more) => v4.send(payload(mark), { destination: '224.0.0.18', source: '10.77.0.1', ttl: 255, ...more })
      const six = (mark, more) => v6.send(payload(mark), { destination: 'ff02::12', source: 'fe80::1', ttl: 255, ...more })
      four('a1')
      await v4.flush()
      four('a2', { source: '10.77.0.101' })
      four('a3', { ttl: 254 })
      four('a4', { destination: '224.0.0.19' })
      await v4.flush()
      four('a5', { destination: '10.77.0.2', ttl: 33 })
      four('no', { destination: '224.0.0.99', ttl: 254 })
      six('b1')
      six('b2', { source: 'fe80::101' })
      six('b3', { ttl: 254 })
      six('b4', { destination: 'fe80::2', ttl: 34 })
      six('no', { destination: 'ff02::99' })
      six('z')
      `
    )
    await listener.line(/"z /, 10_000)
    const want = [
      'a1 10.77.0.1 224.0.0.18 255',
      'a2 10.77.0.101 224.0.0.18 255',
      'a3 10.77.0.1 224.0.0.18 254',
      'a4 10.77.0.1 224.0.0.19 255',
      'a5 10.77.0.1 10.77.0.2 33',
      'b1 fe80::1 ff02::12 255',
      'b2 fe80::101 ff02::12 255',
      'b3 fe80::1 ff02::12 254',
      'b4 fe80::1 fe80::2 34',
      'z fe80::1 ff02::12 255'
    ]
    const all = heard(listener)
    t.strictSame([...new Set(all)].filter((one) => !one.startsWith('no')).sort(), want)
    t.equal(all.filter((one) => one.startsWith('no')).length, 2, 'a group is heard by its member alone')
    t.match(JSON.parse(speaker.lines[0] ?? '{}'), { kinds: ['raw-socket', 'addon'] })
    t.strictSame(speaker.lines.slice(1), [], 'what it sends to a group does not come back')
    await speaker.stop('SIGKILL')
  })

  await t.test('what raw-socket does not read does not come to it either', async (t) => {
    const queues = "(await import('node:fs')).readFileSync('/proc/net/raw', 'utf8').split('\\n').slice(1, -1)"
    const hearing = station(right, 2, `setInterval(async () => say({ queues: ${queues} }), 20)`)
    await hearing.line(/queues/, 10_000)
    const program =
      "setInterval(() => v4.send(payload('q'), { destination: '224.0.0.18', source: from4, ttl: 255 }), 10)"
    const speaker = station(left, 1, program)
    await poll(() => heard(hearing).length >= 20, 10_000, 'adverts')
    const read = hearing.lines.length
    await poll(() => hearing.lines.slice(read).some((line) => /queues/.test(line)), 5000, 'a look at the queues')
    await Promise.all([speaker.stop('SIGKILL'), hearing.stop('SIGKILL')])
    const last = hearing.lines.findLast((line) => /queues/.test(line)) ?? '{}'
    const sockets = (JSON.parse(last) as { queues: string[] }).queues.map((line) => line.trim().split(/\s+/))
    t.equal(sockets.length, 8, 'two of the addon and two of raw-socket, here and in the listener')
    // One packet may wait: the unicast of before.
    const unread = sockets.filter((columns) => Number.parseInt(columns[4]?.split(':')[1] ?? '', 16) > 1000)
    t.strictSame(unread, [])
  })

  await t.test('drain ends after 1,024 packets though each brings another', async (t) => {
    const flood = station(
      left,
      1,
      `
      let count = 0
      const to = { destination: '127.0.0.1', source: '127.0.0.1', ttl: 255 }
      const options = { family: 4, interface: 'lo', interfaceIndex: 1, groups: [], source: '127.0.0.1' }
      const socket = new (addon().VrrpSocket)(options, () => {
        count++
        socket.send(payload('f'), to)
      })
      socket.send(payload('f'), to)
      socket.drain()
      say({ drained: count })
      socket.close()
      `
    )
    t.equal(await flood.line(/drained/, 10_000), '{"drained":1024}')
    await flood.stop('SIGKILL')
  })

  await t.test('a busy main loop does not keep adverts from their group', async (t) => {
    const speaker = station(
      left,
      1,
      `
      const sender = new (addon().AdvertSender)({ realTimePriority: 10 })
      const now = () => Number(process.hrtime.bigint()) / 1e6
      sender.prove(now() + 10_000)
      const plan = (id, socket, mark, to) => sender.plan(id, {
        socket: socket.native,
        adverts: [[{ payload: payload(mark), ttl: 255, ...to }]],
        repeat: true, firstAtMs: now(), intervalMs: 50, silenceMs: 1000, sinceMs: now()
      })
      plan(1, v4, 'p4', { destination: '224.0.0.18', source: '10.77.0.1' })
      plan(2, v6, 'p6', { destination: 'ff02::12', source: 'fe80::1' })
      const end = now() + 500
      while (now() < end);
      sender.close()
      say({ done: true })
      `
    )
    await speaker.line(/done/, 10_000)
    const count = (mark: string): number => heard(listener).filter((one) => one.startsWith(mark)).length
    for (const mark of ['p4', 'p6']) t.ok(count(mark) >= 9 && count(mark) <= 15, `${count(mark)} of ${mark} in 500 ms`)
    await speaker.stop('SIGKILL')
  })
})
