import t from 'tap'
import { seedConfig } from '../lab/config.js'
import { freezeThreads } from '../lab/freeze.js'
import { Lab, vipPort } from '../lab/lab.js'
import { ip } from '../lab/namespaces.js'
import { whyNoLab } from '../lab/packages.js'
import { Vipd } from '../lab/vipd.js'
import { nowMs, pause } from '../lab/wait.js'

/** Faults of one master that is alive: its link, its port, its proxy. */

const TAKEOVER_MS = 4000
const OVERLAP_MS = 500
t.setTimeout(280_000)
const skip = whyNoLab(['g++']) ?? false

t.test('faults of a living master', { skip }, async (t) => {
  const lab = new Lab()
  t.teardown(() => lab.close())
  const [m1, m2, m3] = lab.masters
  const { owners } = lab
  for (const node of lab.masters) await lab.startApiserver(node)
  await lab.watchOwners()
  const first = lab.ending(new Vipd(lab, m1, seedConfig(lab, m1, { priority: 100 })))
  const second = lab.ending(new Vipd(lab, m2, seedConfig(lab, m2, { priority: 88 })))
  await Promise.all([first.start(), second.start()])
  const client = lab.startClient()
  const settled = async (since: number): Promise<void> => {
    const taken = await owners.until(['m1'], 12_000)
    await client.until(30, Math.max(taken, since), 10_000)
  }
  await settled(nowMs())

  await t.test('its cable is pulled: FAULT, no VIP, and back when the cable is', async (t) => {
    const since = nowMs()
    lab.unplug(m1)
    t.match(await first.untilState('FAULT', 2000), { fault: [/link/] })
    await owners.until(['m2'], 6000)
    await client.until(20, nowMs(), 5000)
    t.ok(client.longestGap(since) < TAKEOVER_MS, `gap ${client.longestGap(since).toFixed()} ms`)
    t.equal(owners.longestOverlap(since), 0, 'no second owner')
    const plugged = nowMs()
    lab.plug(m1)
    await settled(plugged)
    t.ok(owners.longestOverlap(plugged) <= OVERLAP_MS, `two owners: ${owners.longestOverlap(plugged).toFixed()} ms`)
  })

  await t.test('its interface is set down: FAULT, no second owner, and back', async (t) => {
    const since = nowMs()
    ip(['-n', m1.namespace, 'link', 'set', 'bond0', 'down'])
    await first.untilState('FAULT', 2000)
    await owners.until(['m2'], 6000)
    t.ok(owners.longestOverlap(since) <= OVERLAP_MS, `two owners: ${owners.longestOverlap(since).toFixed()} ms`)
    const up = nowMs()
    ip(['-n', m1.namespace, 'link', 'set', 'bond0', 'up'])
    await settled(up)
    t.equal((await first.instance()).state, 'MASTER')
  })

  await t.test(
    'its interface is deleted: FAULT; created again, with another index and MAC, it is master again',
    async (t) => {
      const since = nowMs()
      lab.removeInterface(m1)
      t.match(await first.untilState('FAULT', 2000), { fault: [/bond0 does not exist/] })
      await owners.until(['m2'], 6000)
      await client.until(20, nowMs(), 5000)
      t.ok(client.longestGap(since) < TAKEOVER_MS, `gap ${client.longestGap(since).toFixed()} ms`)
      const created = nowMs()
      lab.createInterface(m1)
      await settled(created)
      t.match(await first.instance(), { state: 'MASTER', virtual_ipaddress: [{ held: true }] })
      t.ok(owners.longestOverlap(since) <= OVERLAP_MS, `two owners: ${owners.longestOverlap(since).toFixed()} ms`)
    }
  )

  await t.test('its cable is pulled from a backup: FAULT there, and the client notices nothing', async (t) => {
    const since = nowMs()
    lab.unplug(m2)
    await second.untilState('FAULT', 2000)
    lab.plug(m2)
    await second.untilState('BACKUP', 5000)
    t.strictSame(owners.owners(), ['m1'])
    t.equal(owners.longestOverlap(since), 0)
  })

  await t.test('its data plane stands still: it gives the VIP away, and is back when the data plane is', async (t) => {
    const since = nowMs()
    const freezer = await freezeThreads(lab, first.child.pid, /^vipd-w/)
    await owners.until(['m2'], 8000)
    t.match(await first.instance(), { state: 'FAULT', effective_priority: 0 })
    await client.until(20, nowMs(), 5000)
    t.ok(client.longestGap(since) < TAKEOVER_MS, `gap ${client.longestGap(since).toFixed()} ms`)
    t.ok(owners.longestOverlap(since) <= OVERLAP_MS, `two owners: ${owners.longestOverlap(since).toFixed()} ms`)
    const thawed = nowMs()
    await freezer.stop('SIGKILL')
    await settled(thawed)
  })

  await t.test('a second SIGTERM has it wait for no other node: the address goes, and it ends in order', async (t) => {
    const since = nowMs()
    const { child } = first
    child.signal('SIGTERM')
    await child.line(/vipd stops/, 2000)
    child.signal('SIGTERM')
    await child.exited
    t.equal(child.exit?.code, 0)
    await owners.until(['m2'], 5000)
    t.ok(owners.longestVacancy(since) > 0, 'before the other one has it')
    await first.start()
    await settled(nowMs())
  })

  await t.test('its port is taken when it starts: FAULT, and another one is master', async (t) => {
    await first.stop('SIGTERM')
    await owners.until(['m2'], 5000)
    const squatter = lab.start(m1, [process.execPath, '-e', squat(vipPort)])
    await squatter.line(/squatting/, 5000)
    const since = nowMs()
    await first.start()
    t.match(await first.untilState('FAULT', 5000), { effective_priority: 0 })
    await pause(4500)
    t.strictSame(owners.owners(), ['m2'], 'the other one stays master')
    t.ok(client.longestGap(since) < 1000, 'and the client notices nothing')
    await squatter.stop('SIGKILL')
    await settled(nowMs())
    t.pass('and it takes over as soon as the port is free')
  })

  await t.test('with no apiserver anywhere one node still holds the VIP', async (t) => {
    const lonely = lab.ending(
      new Vipd(
        lab,
        m3,
        seedConfig(lab, m3, { priority: 90, password: 'other' })
          .replaceAll(':6443', ':6444')
          .replace('"virtual_router_id": 88', '"virtual_router_id": 89')
          .replaceAll('10.32.255.99', '10.32.255.98')
      )
    )
    await lonely.start()
    t.match(await lonely.untilHeld(6000), { virtual_ipaddress: [{ address: '10.32.255.98/32' }] })
  })
})

function squat(port: number): string {
  return `require('node:net').createServer().listen(${port}, '0.0.0.0', () => console.log('squatting'))`
}
