import t from 'tap'
import { seedConfig } from '../lab/config.js'
import { Lab, type LabNode } from '../lab/lab.js'
import { whyNoLab } from '../lab/packages.js'
import { Vipd } from '../lab/vipd.js'
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
})
