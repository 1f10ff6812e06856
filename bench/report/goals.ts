import type { Raw, ScenarioResult } from '../model.js'
import { pairedRatio, type Spread, spreadAt } from './stats.js'

/** What is to be reached, and whether it was. */

export interface Goal {
  readonly title: string
  /** Which scenarios it is about: each one has to reach it. */
  readonly scenarios: RegExp
  readonly key: string
  /** A ratio to the best of these targets, or, where there are none, the figure itself. */
  readonly against: readonly string[]
  readonly bound: { readonly atLeast: number } | { readonly atMost: number }
  readonly unit: string
  /** What cannot be told apart, in the figure's unit: medians that are no further apart count as equal. */
  readonly resolution?: number
}

const haproxy = ['haproxy', 'haproxy-splice']
const pair = ['keepalived + haproxy']

export const goals: readonly Goal[] = [
  goal('bulk throughput', /^bulk-down/, 'throughput_gbit', haproxy, { atLeast: 1.8 }),
  goal('bulk throughput, to the server and both ways', /^bulk-(up|both)/, 'throughput_gbit', haproxy, { atLeast: 1.8 }),
  goal('bulk throughput of a direct connection’s', /^bulk/, 'throughput_gbit', ['direct'], { atLeast: 0.6 }),
  goal('CPU seconds per GB', /^bulk/, 'cpu_s_per_gb', haproxy, { atMost: 0.35 }),
  goal('requests/s', /^requests/, 'rate', haproxy, { atLeast: 1.05 }),
  goal('CPU per request', /^requests/, 'cpu_us', haproxy, { atMost: 0.95 }),
  goal('connections/s', /^(connections|tls)/, 'rate', haproxy, { atLeast: 1.05 }),
  goal('CPU per connection', /^(connections|tls)/, 'cpu_us', haproxy, { atMost: 0.95 }),
  goal('latency p50 at the fixed rate', /^latency/, 'p50_us', haproxy, { atMost: 1 }),
  goal('latency p99 at the fixed rate', /^latency/, 'p99_us', haproxy, { atMost: 1 }),
  goal('resident memory per idle session', /^memory/, 'bytes_per_session', haproxy, { atMost: 0.1 }),
  goal('advert jitter under full load, p99.9', /^adverts-load/, 'jitter_p999_ms', [], { atMost: 2 }, 'ms'),
  goal('advert jitter under full load, max', /^adverts-load/, 'jitter_max_ms', [], { atMost: 20 }, 'ms'),
  goal('missed adverts at 10 ms', /^adverts/, 'missed_adverts', [], { atMost: 0 }),
  // A client that asks each 20 ms cannot tell less.
  { ...goal('outage seen by the client', /^outage-(?!proxy)/, 'outage_ms', pair, { atMost: 1 }), resolution: 20 },
  goal('outage, proxy killed', /^outage-proxy/, 'outage_ms', pair, { atMost: 0.1 })
]

function goal(
  title: string,
  scenarios: RegExp,
  key: string,
  against: readonly string[],
  bound: Goal['bound'],
  unit = against.length > 0 ? '×' : ''
): Goal {
  return { title, scenarios, key, against, bound, unit }
}

export type Verdict =
  | { readonly is: 'reached' | 'missed'; readonly measured: Spread; readonly against: string | undefined }
  | { readonly is: 'not measured'; readonly why: string }

export interface Judged {
  readonly goal: Goal
  readonly scenario: ScenarioResult
  readonly verdict: Verdict
}

/** Every goal, for each scenario of the run that it is about; one without any scenario is not in it. */
export function judge(raw: Raw): Judged[] {
  return goals.flatMap((goal) =>
    raw.scenarios
      .filter((scenario) => goal.scenarios.test(scenario.name))
      .map((scenario) => ({ goal, scenario, verdict: verdictOf(goal, scenario) }))
  )
}

/** Goals that no scenario of the run is about. */
export function unasked(raw: Raw): Goal[] {
  return goals.filter((goal) => !raw.scenarios.some((scenario) => goal.scenarios.test(scenario.name)))
}

function verdictOf(goal: Goal, scenario: ScenarioResult): Verdict {
  const { key, against, bound } = goal
  const best = bestOf(scenario, against, key)
  const measured = measuredOf(scenario, goal, best)
  if (measured === undefined) return { is: 'not measured', why: whyNot(scenario, against) }
  const isReached = 'atLeast' in bound ? measured.median >= bound.atLeast : measured.median <= bound.atMost
  const isEqual = best !== undefined && isNear(scenario, goal, best)
  return { is: isReached || isEqual ? 'reached' : 'missed', measured, against: best }
}

function isNear(scenario: ScenarioResult, { key, resolution }: Goal, best: string): boolean {
  const [ours, theirs] = [spreadAt(scenario, 'vipd', key), spreadAt(scenario, best, key)]
  if (resolution === undefined || ours === undefined || theirs === undefined) return false
  return Math.abs(ours.median - theirs.median) <= resolution
}

function measuredOf(scenario: ScenarioResult, { key, against }: Goal, best: string | undefined): Spread | undefined {
  if (against.length === 0) return spreadAt(scenario, 'vipd', key)
  return best === undefined ? undefined : pairedRatio(scenario, 'vipd', best, key)
}

/** The one that is hardest to beat. */
export function bestOf(scenario: ScenarioResult, targets: readonly string[], key: string): string | undefined {
  const sign = scenario.figures.find((figure) => figure.key === key)?.better === 'higher' ? -1 : 1
  const medians = targets.flatMap((target) => {
    const spread = spreadAt(scenario, target, key)
    return spread === undefined ? [] : [{ target, at: spread.median * sign }]
  })
  return medians.sort((a, b) => a.at - b.at)[0]?.target
}

function whyNot(scenario: ScenarioResult, against: readonly string[]): string {
  if (scenario.problem !== undefined) return scenario.problem
  for (const target of ['vipd', ...against]) {
    const absent = scenario.absent[target]
    if (absent !== undefined) return `${target}: ${absent}`
    const failed = scenario.cells.find((cell) => cell.target === target && !cell.ok)
    if (failed !== undefined && !failed.ok) return `${target}: ${failed.problem}`
  }
  return 'no figure'
}
