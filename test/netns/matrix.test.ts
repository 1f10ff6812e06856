import t from 'tap'
import { Judge } from '../lab/judge.js'
import { Lab, vip } from '../lab/lab.js'
import { ip } from '../lab/namespaces.js'
import { whyNoLab } from '../lab/packages.js'
import { figures } from '../lab/timeline.js'
import { nowMs, pause } from '../lab/wait.js'
import { type Cell, cell, cellName, play } from '../matrix/cells.js'
import { lineOf } from '../matrix/report.js'

/** Some cells of `npm run matrix`, and the judge that judges them. */

t.setTimeout(280_000)
const skip = whyNoLab(['keepalived', 'nftables', 'g++']) ?? false

t.test('figures: nobody, two, and addresses that are apart', async (t) => {
  const one = [
    { from: 0, owners: ['a'] },
    { from: 100, owners: [] },
    { from: 130, owners: ['b'] },
    { from: 200, owners: ['a', 'b'] },
    { from: 210, owners: ['b'] },
    { from: 300, owners: [] },
    { from: 310, owners: ['a'] }
  ]
  t.strictSame(figures([one], 50, 400), {
    withoutMs: 40,
    longestWithoutMs: 30,
    twoMs: 10,
    longestTwoMs: 10,
    apartMs: 0
  })
  t.strictSame(figures([one], 110, 120), {
    withoutMs: 10,
    longestWithoutMs: 10,
    twoMs: 0,
    longestTwoMs: 0,
    apartMs: 0
  })
  const other = [{ from: 0, owners: ['b'] }]
  const together = figures([one, other], 0, 400)
  t.equal(together.apartMs, 190, 'two addresses with one owner each, and not the same')
  t.equal(together.withoutMs, 40)
})

t.test('the judge sees whose MAC answers, IPv4 and IPv6, and nothing else', { skip }, async (t) => {
  const lab = new Lab({ dualStack: true })
  t.teardown(() => lab.close())
  const [m1, m2] = lab.masters
  const vip6 = 'fd00::99'
  const judge = lab.ending(new Judge(lab, [vip, vip6]))
  await judge.started()
  const change = (word: 'add' | 'del', node: typeof m1): void => {
    ip(['-n', node.namespace, 'address', word, `${vip}/32`, 'dev', 'bond0'])
    ip(['-n', node.namespace, 'address', word, `${vip6}/128`, 'dev', 'bond0', ...(word === 'add' ? ['nodad'] : [])])
  }
  const began = nowMs()
  await pause(200)
  t.strictSame(judge.owners(), [[], []])
  change('add', m1)
  await judge.settled('m1', 200, 3000)
  const second = nowMs()
  change('add', m2)
  await judge.answers('m2', 300, 3000)
  t.strictSame(judge.owners(), [
    ['m1', 'm2'],
    ['m1', 'm2']
  ])
  change('del', m1)
  await judge.settled('m2', 200, 3000)
  t.equal(judge.beginnings('m1', began), 1)
  const seen = await judge.figures(second)
  t.ok(seen.twoMs >= 300 && seen.twoMs < 2000, `two owners: ${seen.twoMs.toFixed()} ms`)
  t.equal(seen.withoutMs, 0)
  const before = await judge.figures(began, second)
  t.ok(before.withoutMs >= 190 && before.withoutMs < 2000, `nobody: ${before.withoutMs.toFixed()} ms`)
})

/** Two labs at a time: at 1 s adverts they mostly wait. */
const lanes: readonly (readonly Cell[])[] = [
  [
    cell('v2-none', 'kill', 'vipd'),
    cell('v3-multicast', 'term', 'keepalived'),
    cell('v3-unicast', 'vip-deleted', 'vipd'),
    cell('v2-pass', 'neighbour', 'vipd')
  ],
  [
    cell('v3-ipv6', 'kill', 'vipd'),
    cell('sync-group', 'link', 'vipd'),
    cell('v3-fast', 'partition', 'keepalived'),
    cell('v3-fast', 'reload', 'vipd')
  ]
]

t.test('cells of the matrix', { skip, jobs: 2 }, async (t) => {
  await Promise.all(
    lanes.flatMap((lane, index) =>
      t.test(`lane ${index + 1}`, async (t) => {
        for (const one of lane) {
          const outcome = await play(one)
          t.test(cellName(one), async (t) => {
            t.comment(lineOf(outcome))
            t.strictSame(outcome.failures, [])
            if (outcome.failures.length > 0) t.comment(outcome.notes.join('\n'))
          })
        }
      })
    )
  )
})
