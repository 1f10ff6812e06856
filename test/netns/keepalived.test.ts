import t from 'tap'
import { seedConfig } from '../lab/config.js'
import { Keepalived, keepalivedConf } from '../lab/keepalived.js'
import { Lab, vip } from '../lab/lab.js'
import { ip } from '../lab/namespaces.js'
import { whyNoLab } from '../lab/packages.js'
import { Vipd } from '../lab/vipd.js'
import { nowMs, pause } from '../lab/wait.js'

/** vipd beside the keepalived of the distribution, on the same VRID, in every order. m1 is keepalived, m2 is vipd. */

const TAKEOVER_MS = 4000
const PLANNED_MS = 1000
const OVERLAP_MS = 500

t.setTimeout(280_000)
const skip = whyNoLab(['keepalived']) ?? false
const options = { skip }

interface Pair {
  readonly lab: Lab
  readonly keepalived: Keepalived
  readonly vipd: Vipd
  /** When both had been started. */
  readonly begun: number
}

type Settings = Omit<Parameters<typeof keepalivedConf>[1], 'priority'>

/** Both started, and one of them master. */
async function pair(t: Tap, priorities: { keepalived: number; vipd: number }, more: PairOptions = {}): Promise<Pair> {
  const lab = new Lab()
  t.teardown(() => lab.close())
  const [m1, m2] = lab.masters
  await lab.watchOwners()
  const conf = keepalivedConf(vip, { priority: priorities.keepalived, ...more.keepalived })
  const config = seedConfig(lab, m2, { priority: priorities.vipd, withoutProxy: true, ...more.vipd })
  const vipd = lab.ending(new Vipd(lab, m2, config))
  if (more.first !== 'keepalived') await vipd.start()
  if (more.first === 'vipd') await lab.owners.until(['m2'], 6000)
  const keepalived = lab.ending(new Keepalived(lab, m1, conf))
  await keepalived.started()
  if (more.first === 'keepalived') {
    await lab.owners.until(['m1'], 6000)
    await vipd.start()
  }
  return { lab, keepalived, vipd, begun: nowMs() }
}

type Tap = Pick<typeof t, 'teardown' | 'ok' | 'strictSame'>

interface PairOptions {
  readonly keepalived?: Settings
  /** Who is master before the other one starts. Without it they start together. */
  readonly first?: 'vipd' | 'keepalived'
  readonly vipd?: Omit<Parameters<typeof seedConfig>[2], 'priority'>
}

t.test('keepalived is master, vipd backup', options, async (t) => {
  const { lab, keepalived, vipd, begun } = await pair(t, { keepalived: 100, vipd: 88 })
  const [m1] = lab.masters
  const { owners } = lab

  await t.test('vipd hears it and stays backup', async (t) => {
    await owners.until(['m1'], 6000)
    await pause(1500)
    t.strictSame(owners.owners(), ['m1'])
    t.ok(owners.longestOverlap(begun) <= OVERLAP_MS)
    t.match(await vipd.instance(), { state: 'BACKUP', master: { address: m1.address, priority: 100 } })
  })

  await t.test('SIGSTOP: vipd takes over; SIGCONT: it gives back', async (t) => {
    const since = nowMs()
    keepalived.signalBoth('SIGSTOP')
    // A frozen keepalived leaves its VIP where it is: two owners, and nothing that vipd could do about it.
    await owners.until(['m1', 'm2'], 6000)
    t.ok((owners.takenAfter('m2', since) ?? Number.POSITIVE_INFINITY) - since < TAKEOVER_MS)
    const resumed = nowMs()
    keepalived.signalBoth('SIGCONT')
    const settledAt = await owners.until(['m1'], 8000)
    t.ok(settledAt - resumed < TAKEOVER_MS, `one owner again after ${(settledAt - resumed).toFixed()} ms`)
    t.equal((await vipd.instance()).state, 'BACKUP')
  })

  await t.test('SIGTERM: vipd takes over at once, and gives back when keepalived returns', async (t) => {
    const since = nowMs()
    await keepalived.stop()
    const taken = await owners.until(['m2'], 3000)
    t.ok(taken - since < PLANNED_MS, `after ${(taken - since).toFixed()} ms`)
    t.ok(owners.longestOverlap(since) <= OVERLAP_MS)
    t.equal((await vipd.instance()).state, 'MASTER')
    const again = nowMs()
    const returned = lab.ending(new Keepalived(lab, m1, keepalivedConf(vip, { priority: 100, state: 'MASTER' })))
    await returned.started()
    await owners.until(['m1'], 8000)
    t.ok(owners.longestOverlap(again) <= OVERLAP_MS, `two owners: ${owners.longestOverlap(again).toFixed()} ms`)
    t.equal((await vipd.instance()).state, 'BACKUP')

    const killed = nowMs()
    returned.killAtOnce()
    await returned.child.exited
    await owners.until(['m1', 'm2'], 6000)
    const silence = (owners.takenAfter('m2', killed) ?? Number.POSITIVE_INFINITY) - killed
    t.ok(
      silence < TAKEOVER_MS,
      `SIGKILL: vipd takes over after ${silence.toFixed()} ms; keepalived leaves its VIP behind`
    )
  })
})

t.test('vipd is master, keepalived backup', options, async (t) => {
  const { lab, keepalived, vipd } = await pair(t, { keepalived: 88, vipd: 100 }, { first: 'vipd' })
  const { owners } = lab

  await t.test(
    'kill -9: keepalived takes over, the VIP is gone from the dead node, and vipd takes it back',
    async (t) => {
      const since = nowMs()
      await vipd.stop('SIGKILL')
      await owners.until(['m1'], 6000)
      const gone = (owners.goneAfter('m2', since) ?? Number.POSITIVE_INFINITY) - since
      t.ok((owners.takenAfter('m1', since) ?? Number.POSITIVE_INFINITY) - since < TAKEOVER_MS)
      t.ok(gone < TAKEOVER_MS, `VIP gone after ${gone.toFixed()} ms`)
      t.ok(owners.longestOverlap(since) <= OVERLAP_MS, `two owners: ${owners.longestOverlap(since).toFixed()} ms`)
      const back = nowMs()
      await vipd.start()
      await owners.until(['m2'], 8000)
      t.ok(
        owners.longestOverlap(back) <= OVERLAP_MS,
        `back: two owners for ${owners.longestOverlap(back).toFixed()} ms`
      )
    }
  )

  await t.test('SIGSTOP: the same bounds; SIGCONT: it steps back, then takes over in good order', async (t) => {
    const since = nowMs()
    vipd.child.signal('SIGSTOP')
    await owners.until(['m1'], 6000)
    t.ok((owners.goneAfter('m2', since) ?? Number.POSITIVE_INFINITY) - since < TAKEOVER_MS)
    vipd.child.signal('SIGCONT')
    await owners.until(['m2'], 8000)
    t.ok(owners.longestOverlap(since) <= OVERLAP_MS, `two owners: ${owners.longestOverlap(since).toFixed()} ms`)
  })

  await t.test('SIGTERM: keepalived takes over within a second', async (t) => {
    const since = nowMs()
    const stopped = vipd.stop('SIGTERM')
    const taken = await owners.until(['m1'], 3000)
    t.ok(taken - since < PLANNED_MS, `after ${(taken - since).toFixed()} ms`)
    t.ok(owners.longestOverlap(since) <= OVERLAP_MS)
    t.equal(owners.longestVacancy(since), 0, 'and vipd keeps the address until then')
    await stopped
    t.match(keepalived.child.lines, /Entering MASTER STATE/)
  })
})

t.test('a wrong password: both ignore each other, and it moves no timer', options, async (t) => {
  const { lab, vipd, begun } = await pair(t, { keepalived: 100, vipd: 88 }, { vipd: { password: 'hidden-7' } })
  const { owners } = lab
  await owners.until(['m1', 'm2'], 8000)
  const waited = (owners.takenAfter('m2', begun) ?? Number.POSITIVE_INFINITY) - begun
  t.ok(waited < TAKEOVER_MS + 1000, `a backup takes over as if nothing had been heard (${waited.toFixed()} ms)`)
  const capture = await lab.capture('ip proto 112')
  await pause(5500)
  await capture.stop()
  t.strictSame([...owners.owners()].sort(), ['m1', 'm2'], 'each one believes to be alone')
  const instance = await vipd.instance()
  t.equal(instance.state, 'MASTER')
  const refused = Number((instance.counters['rejected'] as Record<string, number>)['auth'])
  const heard = capture.read(`vrrp && ip.src != ${vipd.node.address}`, ['frame.number'])
  t.ok(refused >= Math.max(1, heard.length), `and counts what it refused (${refused})`)
  const own = capture.read(`vrrp && ip.src == ${vipd.node.address}`, ['frame.number'])
  t.ok(own.length >= 5 && own.length <= 6, `an advert a second, whatever the other one sends (${own.length} in 5.5 s)`)
  t.match(vipd.child.lines.join('\n'), /auth/, 'and says so')
  t.notMatch(vipd.child.lines.join('\n'), /hidden-7/, 'without printing the password')
})

t.test('equal priority: after a split the higher address is master (vipd)', options, async (t) => {
  const { lab } = await pair(t, { keepalived: 100, vipd: 100 })
  await splitAndJoin(t, lab, 'm2')
})

t.test('equal priority: after a split the higher address is master (keepalived)', options, async (t) => {
  const { lab, keepalived } = await pair(t, { keepalived: 88, vipd: 100 }, { first: 'vipd' })
  const [m1] = lab.masters
  await keepalived.stop()
  ip(['-n', m1.namespace, 'address', 'del', `${m1.address}/16`, 'dev', 'bond0'])
  ip(['-n', m1.namespace, 'address', 'add', '10.32.200.1/16', 'dev', 'bond0'])
  const returned = lab.ending(new Keepalived(lab, m1, keepalivedConf(vip, { priority: 100 })))
  await returned.started()
  await pause(4500)
  t.strictSame(lab.owners.owners(), ['m2'], 'an equal priority takes nothing from a living master')
  await splitAndJoin(t, lab, 'm1')
})

/** Both are master while they cannot hear each other; when they can again, one is within two adverts. */
async function splitAndJoin(t: Tap, lab: Lab, winner: string): Promise<void> {
  const [m1, m2] = lab.masters
  lab.part([m1, m2], true)
  await lab.owners.until(['m1', 'm2'], 10_000)
  const joined = nowMs()
  lab.part([m1, m2], false)
  const ended = await lab.owners.until([winner], 4000)
  t.ok(ended - joined < 2000, `the split is over after ${(ended - joined).toFixed()} ms`)
  await pause(2500)
  t.strictSame(lab.owners.owners(), [winner], 'and stays so')
}

t.test('preempt: false leaves a living master of lower priority alone', options, async (t) => {
  const { lab, keepalived, vipd } = await pair(
    t,
    { keepalived: 88, vipd: 100 },
    { vipd: { preempt: false }, first: 'vipd' }
  )
  await vipd.stop('SIGTERM')
  await lab.owners.until(['m1'], 3000)
  await vipd.start()
  await pause(5000)
  t.strictSame(lab.owners.owners(), ['m1'])
  t.equal((await vipd.instance()).state, 'BACKUP')
  const since = nowMs()
  await keepalived.stop()
  t.ok((await lab.owners.until(['m2'], 3000)) - since < PLANNED_MS, 'but takes over when that one goes')
})

t.test("keepalived's nopreempt leaves a living vipd of lower priority alone", options, async (t) => {
  const { lab, keepalived, vipd } = await pair(
    t,
    { keepalived: 100, vipd: 88 },
    { keepalived: { nopreempt: true }, first: 'keepalived' }
  )
  await lab.owners.until(['m1'], 8000)
  await keepalived.stop()
  await lab.owners.until(['m2'], 3000)
  const [m1] = lab.masters
  const returned = lab.ending(new Keepalived(lab, m1, keepalivedConf(vip, { priority: 100, nopreempt: true })))
  await returned.started()
  await pause(5000)
  t.strictSame(lab.owners.owners(), ['m2'])
  t.equal((await vipd.instance()).state, 'MASTER')
})

t.test('a different advert_int is refused on both sides, counted, and moves no timer', options, async (t) => {
  const { lab, vipd } = await pair(t, { keepalived: 100, vipd: 88 }, { keepalived: { advertInt: 2 } })
  await lab.owners.until(['m1', 'm2'], 12_000)
  await pause(2500)
  const { counters } = await vipd.instance()
  t.ok(Number((counters['rejected'] as Record<string, number>)['interval']) >= 1)
  t.strictSame([...lab.owners.owners()].sort(), ['m1', 'm2'])
})
