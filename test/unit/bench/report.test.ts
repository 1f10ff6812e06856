import t from 'tap'
import type { Cell, Raw, ScenarioResult } from '../../../bench/model.js'
import { compare, decodeRaw } from '../../../bench/report/compare.js'
import { judge } from '../../../bench/report/goals.js'
import { markdown } from '../../../bench/report/markdown.js'
import { plot } from '../../../bench/report/plot.js'
import { pairedRatio, spreadAt } from '../../../bench/report/stats.js'

const cells = (target: string, key: string, values: readonly (number | undefined)[]): Cell[] =>
  values.map((value, index) => {
    const round = index + 1
    if (value === undefined) return { target, round, ok: false, problem: `${target} broke\nin two lines` }
    return { target, round, ok: true, figures: { [key]: value } }
  })

function result(
  name: string,
  key: string,
  values: Readonly<Record<string, readonly (number | undefined)[]>>
): ScenarioResult {
  return {
    name,
    title: `Title <of> ${name}`,
    what: 'What.',
    figures: [{ key, title: key, unit: '/s', better: key === 'rate' ? 'higher' : 'lower' }],
    targets: Object.keys(values),
    cells: Object.entries(values).flatMap(([target, own]) => cells(target, key, own)),
    configurations: { vipd: 'nbthread: 2' },
    absent: {}
  }
}

function raw(scenarios: readonly ScenarioResult[], more: Partial<Raw> = {}): Raw {
  return {
    schema: 1,
    startedAt: '2026-01-02T03:04:05.000Z',
    tookS: 60,
    isQuick: false,
    isInterrupted: false,
    command: 'npm run bench',
    machine: { cpu: 'CPU', cores: 2, memoryBytes: 2 ** 34, kernel: '6.18', system: 'Debian', load: 0, commit: 'abc' },
    versions: { node: '20' },
    scenarios,
    ...more
  }
}

t.test('ratios are taken round by round, so what happens to both in a round falls out', async (t) => {
  const one = result('requests-x', 'rate', { vipd: [20, 2, 200], haproxy: [10, 1, 100] })
  t.match(pairedRatio(one, 'vipd', 'haproxy', 'rate'), { median: 2, low: 2, high: 2, count: 3 })
})

t.test('a round in which one of them failed does not count in the ratio, nor a baseline of zero', async (t) => {
  const one = result('requests-x', 'rate', { vipd: [20, 40, 60], haproxy: [10, undefined, 0] })
  t.match(pairedRatio(one, 'vipd', 'haproxy', 'rate'), { median: 2, count: 1 })
  t.equal(pairedRatio(one, 'vipd', 'nobody', 'rate'), undefined)
  t.match(spreadAt(one, 'haproxy', 'rate'), { count: 2 })
})

t.test('a goal is judged against the better of the two haproxies', async (t) => {
  const one = result('requests-x', 'rate', { vipd: [105], haproxy: [90], 'haproxy-splice': [100] })
  const [judged] = judge(raw([one]))
  t.match(judged?.verdict, { is: 'reached', against: 'haproxy-splice', measured: { median: 1.05 } })
})

t.test('a goal that is missed says so, and one that was not measured says why', async (t) => {
  const missed = result('requests-x', 'rate', { vipd: [104], haproxy: [100] })
  t.match(judge(raw([missed]))[0]?.verdict, { is: 'missed' })
  const broken = result('requests-x', 'rate', { vipd: [104], haproxy: [undefined] })
  t.match(judge(raw([broken]))[0]?.verdict, { is: 'not measured', why: /haproxy: haproxy broke/ })
  const absent = { ...result('requests-x', 'rate', { vipd: [104] }), absent: { haproxy: 'not installed' } }
  t.match(judge(raw([absent]))[0]?.verdict, { is: 'not measured', why: 'haproxy: not installed' })
})

t.test('outages that a client cannot tell apart count as equal', async (t) => {
  const pair = 'keepalived + haproxy'
  const near = result('outage-kill9', 'outage_ms', { vipd: [3190], [pair]: [3172] })
  t.match(judge(raw([near]))[0]?.verdict, { is: 'reached' })
  const far = result('outage-kill9', 'outage_ms', { vipd: [3193], [pair]: [3172] })
  t.match(judge(raw([far]))[0]?.verdict, { is: 'missed' })
})

t.test('the report names what is missing, what failed, and that it is not for quoting', async (t) => {
  const one = {
    ...result('requests-x', 'rate', { vipd: [5], haproxy: [undefined] }),
    absent: { nginx: 'not installed' }
  }
  const text = markdown(raw([one], { isQuick: true, isInterrupted: true }), new Map([['requests-x', 'plots/x.svg']]))
  for (const part of [
    /NOT FOR QUOTING/,
    /Interrupted/,
    /nginx took no part\*\*: not installed/,
    /haproxy failed in round 1\*\*: haproxy broke \/ in two lines/,
    /plots\/x\.svg/,
    /nbthread: 2/
  ])
    t.match(text, part)
  t.notMatch(text, /NaN|undefined/)
})

t.test(
  'a plot has a bar for each target that was measured, escapes its words, and is none without figures',
  async (t) => {
    const svg = plot(result('requests-x', 'rate', { vipd: [5, 6], haproxy: [undefined, undefined] }))
    t.match(svg, /Title &lt;of&gt; requests-x/)
    t.match(svg, />vipd</)
    t.notMatch(svg, /haproxy|NaN/)
    t.equal(plot(result('requests-x', 'rate', { vipd: [undefined] })), undefined)
  }
)

t.test('a comparison tells what is outside both spreads, and warns of another machine', async (t) => {
  const then = raw([result('requests-x', 'rate', { vipd: [10, 10, 10], haproxy: [10, 20, 30] })])
  const now = raw([result('requests-x', 'rate', { vipd: [8, 8, 8], haproxy: [11, 19, 30] })], {
    machine: { ...then.machine, kernel: '6.19' }
  })
  const text = compare(then, now)
  t.match(text, /another kernel: 6\.18, then 6\.19/)
  t.match(text, /vipd .*-20\.0 %.*WORSE/)
  t.notMatch(text.split('\n').find((line) => line.includes('haproxy')) ?? '', /WORSE|better/)
})

t.test('a raw file is read back as it was, and what is wrong with another names the place', async (t) => {
  const one = raw([result('requests-x', 'rate', { vipd: [1, undefined] })])
  t.strictSame(decodeRaw(JSON.stringify(one)), { ok: true, raw: one })
  t.match(decodeRaw('{'), { ok: false, problem: /no JSON/ })
  t.match(decodeRaw(JSON.stringify({ ...one, machine: { ...one.machine, cores: 'two' } })), {
    ok: false,
    problem: /machine\.cores/
  })
})
