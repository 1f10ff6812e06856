import t from 'tap'
import { kinds } from '../../faults/kinds.js'
import { overlaps } from '../../faults/overlaps.js'
import type { Happened } from '../../faults/storm.js'

const fault = (name: string, master: string, from: number, to: number): Happened => {
  const kind = kinds.find((one) => one.name === name)
  if (kind === undefined) throw new Error(`no fault is called ${name}`)
  return { kind, master, from, to }
}
const held = (node: string, from: number, until?: number) => ({ node, from, ...(until !== undefined && { until }) })
const find = (holdings: Parameters<typeof overlaps>[0], ...happened: Happened[]) =>
  overlaps(holdings, happened, 0, 100_000).map(({ nodes, from, ms, hung, allowedMs }) => ({
    who: nodes.join(),
    from,
    ms,
    hung,
    isAllowed: ms <= allowedMs
  }))

t.test('one after the other is no overlap', async (t) => {
  t.same(find([held('m1', 0, 10_000), held('m2', 10_000, 20_000), held('m1', 20_500)]), [])
})

t.test('two at once: who came second, and for how long', async (t) => {
  const both = [held('m1', 0, 10_600), held('m2', 10_000)]
  t.same(find(both), [{ who: 'm1,m2', from: 10_000, ms: 600, hung: false, isAllowed: true }])
  t.match(find([held('m1', 0, 10_800), held('m2', 10_000)]), [{ ms: 800, isAllowed: false }])
  t.match(find([held('m2', 0), held('m1', 99_000)]), [{ who: 'm2,m1', ms: 1000, isAllowed: false }], 'until now')
})

t.test('a master that hangs when a better one comes may hold it until its lease ends, and no longer', async (t) => {
  const stuck = fault('the main loop stands still', 'm2', 9000, 12_000)
  t.match(find([held('m2', 0, 13_200), held('m1', 10_000)], stuck), [{ ms: 3200, hung: true, isAllowed: true }])
  t.match(find([held('m2', 0, 13_300), held('m1', 10_000)], stuck), [{ ms: 3300, isAllowed: false }])
  t.match(
    find([held('m1', 0, 12_000), held('m2', 10_000)], stuck),
    [{ hung: false, isAllowed: false }],
    'the other hangs'
  )
  t.match(
    find([held('m2', 0, 22_000), held('m1', 20_000)], stuck),
    [{ hung: false, isAllowed: false }],
    'it hung before'
  )
})

t.test('what parts them is nothing wrong, nor the seconds after it; the rest of the time counts', async (t) => {
  const parted = fault('cut off from the other masters', 'm1', 10_000, 15_000)
  t.same(find([held('m1', 0, 18_000), held('m2', 13_000)], parted), [])
  t.match(find([held('m1', 0, 21_500), held('m2', 13_000)], parted), [{ from: 19_500, ms: 2000, isAllowed: false }])
  t.match(find([held('m1', 0, 12_000), held('m2', 9000)], parted), [{ from: 9000, ms: 1000, isAllowed: false }])
})
