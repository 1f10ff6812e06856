import t from 'tap'
import { seedConfig } from '../lab/config.js'
import { Lab, type LabNode } from '../lab/lab.js'
import { whyNoLab } from '../lab/packages.js'
import { Vipd, vipdProgram } from '../lab/vipd.js'
import { nowMs, pause, poll } from '../lab/wait.js'

/** Which node holds the addresses, by what its proxy can do for clients. */

t.setTimeout(120_000)
const skip = whyNoLab(['nftables']) ?? false

t.test('a node whose proxy has a server comes before one whose proxy has none', { skip }, async (t) => {
  const lab = new Lab()
  t.teardown(() => lab.close())
  const [m1, m2] = lab.masters
  const { owners } = lab
  for (const node of lab.masters) await lab.startApiserver(node)
  await lab.watchOwners()
  const first = lab.ending(new Vipd(lab, m1, seedConfig(lab, m1, { priority: 100 })))
  // One that does not preempt: also it relieves a master that asks for it.
  const second = lab.ending(new Vipd(lab, m2, seedConfig(lab, m2, { priority: 88, preempt: false })))
  await Promise.all([first.start(), second.start()])
  await owners.until(['m1'], 12_000)
  /** The node reaches no apiserver any more: not over the link, and not its own. */
  const cutOff = async (node: LabNode): Promise<void> => {
    const rules = 'add table ip cut; add chain ip cut out { type filter hook output priority 0; }; '
    await lab.run(node, ['nft', `${rules}add rule ip cut out tcp dport 6443 drop`])
  }
  const priorityOf = async (vipd: Vipd): Promise<number> => (await vipd.instance()).effective_priority

  await t.test('the master loses every server: the other one takes over after its skew', async (t) => {
    await cutOff(m1)
    await poll(async () => (await priorityOf(first)) === 1, 10_000, 'm1 asking to be relieved')
    const asked = nowMs()
    await owners.until(['m2'], 3000)
    t.ok(nowMs() - asked < 1500, 'at once, not after three intervals')
    t.match(await first.instance(), { state: 'BACKUP', tier: 'nothing' })
    t.equal(owners.longestVacancy(asked), 0)
  })

  await t.test('that one loses them too: all are equally bad, and the addresses stay where they are', async (t) => {
    const since = nowMs()
    await cutOff(m2)
    await poll(async () => (await priorityOf(second)) === 1, 10_000, 'm2 asking to be relieved')
    await pause(4500)
    t.match(await second.instance(), { state: 'MASTER', tier: 'nothing' })
    t.strictSame(owners.owners(), ['m2'])
    t.equal(owners.longestVacancy(since), 0)
  })

  await t.test('the first has servers again: it takes over', async (t) => {
    await lab.run(m1, ['nft', 'delete table ip cut'])
    await owners.until(['m1'], 10_000)
    t.match(await first.instance(), { state: 'MASTER', tier: 'serving', effective_priority: 100 })
  })

  const order = (...words: string[]): Promise<string> =>
    lab.run(m1, [process.execPath, vipdProgram, 'failover', ...words, '--socket', first.socket], 30_000)

  await t.test(
    'vipd failover: another node is master without a moment without an owner, until it is called back',
    async (t) => {
      await lab.run(m2, ['nft', 'delete table ip cut'])
      await poll(async () => (await second.instance()).effective_priority === 88, 10_000, 'm2 serving again')
      const since = nowMs()
      t.match(
        await order('--for', '10m'),
        /^VI_1: 10\.32\.\d+\.\d+ is master \([0-9.]+s\), this node stays away for 10m\n$/
      )
      await owners.until(['m2'], 3000)
      t.match(await first.instance(), { state: 'BACKUP', tier: 'away', effective_priority: 1 })
      await pause(4500)
      t.strictSame(owners.owners(), ['m2'], 'and it stays there')
      t.equal(owners.longestVacancy(since), 0)
      t.match(await order('--back'), /^VI_1: takes part as configured again/)
      await owners.until(['m1'], 8000)
      t.match(await first.instance(), { state: 'MASTER', tier: 'serving', effective_priority: 100 })
      t.equal(owners.longestVacancy(since), 0)
    }
  )

  await t.test(
    'vipd failover where nobody else is: it says so, goes on, and is back when its time is over',
    async (t) => {
      await second.stop()
      const since = nowMs()
      await t.rejects(order('--for', '17s'), /no other node took over within 15s: it goes on here/)
      t.strictSame(owners.owners(), ['m1'])
      await poll(async () => (await first.instance()).effective_priority === 100, 10_000, 'its time is over')
      t.equal(owners.longestVacancy(since), 0)
    }
  )
})
