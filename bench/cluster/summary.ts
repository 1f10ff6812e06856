import type { Cell, Figure, ScenarioResult } from '../model.js'
import { percentile } from '../report/table.js'
import type { Answer } from './ask.js'
import { kinds, ROUNDS } from './plan.js'
import type { Watch } from './watch.js'

export interface Sample {
  readonly way: string
  readonly kind: string
  readonly round: number
  readonly answer: Answer
}

export type HeldWatch = { readonly way: string; readonly watch: Pick<Watch, 'isOpen' | 'server' | 'events' | 'ended'> }

const figures: readonly Figure[] = [
  { key: 'p50_us', title: 'p50', unit: 'µs', better: 'lower' },
  { key: 'p99_us', title: 'p99', unit: 'µs', better: 'lower' },
  { key: 'max_us', title: 'max', unit: 'µs', better: 'lower' },
  { key: 'answered', title: 'answered', unit: '', better: 'neither' },
  { key: 'errors', title: 'failed', unit: '', better: 'lower' },
  { key: 'servers', title: 'servers that answered', unit: '', better: 'neither' }
]

const watchFigures: readonly Figure[] = [
  { key: 'open', title: 'open to the end', unit: '', better: 'higher' },
  { key: 'errors', title: 'ended before, or refused', unit: '', better: 'lower' },
  { key: 'events', title: 'events', unit: '', better: 'neither' },
  { key: 'servers', title: 'servers', unit: '', better: 'neither' }
]

/** `vip`, or `direct`: the apiservers together. */
const targetOf = (way: string, ways: readonly string[]): string => (way === ways[0] ? 'vip' : 'direct')

/** For the report: a scenario for each question, with the time cut into rounds. */
export function scenariosOf(
  samples: readonly Sample[],
  watches: readonly HeldWatch[],
  ways: readonly string[]
): ScenarioResult[] {
  const targets = ways.length > 1 ? ['vip', 'direct'] : ['vip']
  const common = { targets, configurations: {}, absent: {} }
  const asked = kinds.map(({ name, path }) => ({
    ...common,
    name: `cluster-${name}`,
    title: `GET ${path}`,
    what: `Each on a new connection, its handshake included. vip: ${ways[0]}; direct: ${ways.slice(1).join(', ') || 'nobody'}.`,
    figures,
    cells: targets.flatMap((target) =>
      Array.from({ length: ROUNDS }, (_, index) => index + 1).flatMap((round) => {
        const own = samples.filter(
          (one) => one.kind === name && one.round === round && targetOf(one.way, ways) === target
        )
        return own.length === 0 ? [] : [cellOf(target, round, own)]
      })
    )
  }))
  if (watches.length === 0) return asked
  const cells = targets.flatMap((target): Cell[] => {
    const own = watches.filter(({ way }) => targetOf(way, ways) === target)
    return own.length === 0 ? [] : [{ target, round: 1, ok: true, figures: watchNumbers(own) }]
  })
  return [
    ...asked,
    {
      ...common,
      name: 'cluster-watch',
      title: 'Watches held open',
      what: 'Until all else was asked.',
      figures: watchFigures,
      cells
    }
  ]
}

function cellOf(target: string, round: number, own: readonly Sample[]): Cell {
  const good = own.filter(({ answer }) => answer.error === undefined)
  if (good.length === 0) return { target, round, ok: false, problem: `none answered: ${errorWords(own)}` }
  const times = good.map(({ answer }) => answer.tookMs * 1000)
  const servers = new Set(good.map(({ answer }) => answer.server)).size
  const numbers = { p50_us: percentile(times, 50), p99_us: percentile(times, 99), max_us: Math.max(...times) }
  return {
    target,
    round,
    ok: true,
    figures: { ...numbers, answered: good.length, errors: own.length - good.length, servers }
  }
}

function watchNumbers(own: readonly HeldWatch[]): Record<string, number> {
  const open = own.filter(({ watch }) => watch.isOpen && !watch.ended)
  return {
    open: open.length,
    errors: own.length - open.length,
    events: own.reduce((sum, { watch }) => sum + watch.events, 0),
    servers: new Set(own.map(({ watch }) => watch.server)).size
  }
}

/** `2 timeout, 1 ECONNRESET`. */
function errorWords(own: readonly Sample[]): string {
  return counted(own.flatMap(({ answer }) => answer.error ?? []))
}

function counted(values: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].map(([value, count]) => `${count} ${value}`).join(', ')
}

/** For the terminal: question, way, answered, failed, p50, p99, max, by whom. */
export function summaryRows(
  samples: readonly Sample[],
  watches: readonly HeldWatch[],
  ways: readonly string[]
): string[][] {
  const ms = (value: number): string => `${value.toFixed(1)} ms`
  const rows = kinds.flatMap(({ name }) =>
    ways.flatMap((way) => {
      const own = samples.filter((one) => one.kind === name && one.way === way)
      if (own.length === 0) return []
      const good = own.filter(({ answer }) => answer.error === undefined)
      const times = good.map(({ answer }) => answer.tookMs)
      const by = counted(good.map(({ answer }) => answer.server ?? 'unknown'))
      const shown =
        times.length === 0
          ? ['', '', '']
          : [ms(percentile(times, 50)), ms(percentile(times, 99)), ms(Math.max(...times))]
      const failed = own.length === good.length ? '0' : `${own.length - good.length} (${errorWords(own)})`
      return [[name, way, String(good.length), failed, ...shown, by]]
    })
  )
  const held = ways.flatMap((way) => {
    const own = watches.filter((one) => one.way === way)
    if (own.length === 0) return []
    const { open = 0 } = watchNumbers(own)
    const why = counted(own.flatMap(({ watch }) => watch.ended || []))
    const by = counted(own.map(({ watch }) => watch.server ?? 'nobody'))
    return [['watch', way, String(open), own.length === open ? '0' : `${own.length - open} (${why})`, '', '', '', by]]
  })
  return [...rows, ...held]
}
