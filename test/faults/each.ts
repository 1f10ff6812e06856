import { nowMs, pause, poll } from '../lab/wait.js'
import type { Kind } from './kind.js'
import type { Storm } from './storm.js'

/** What one fault of the master cost. */
export interface Cost {
  readonly kind: string
  readonly visitsFailed: number
  readonly keptBroken: number
  /** No visit succeeded for so long; 0 is less than a tenth of a second. */
  readonly gapMs: number
  readonly vacancyMs: number
  readonly overlapMs: number
  /** Not well again in time: what was waited for. */
  readonly stuck?: string
}

const WELL_MS = 45_000

/** One fault after the other, each for a while on the first master alone while it is master and all is well. */
export async function eachAlone(
  storm: Storm,
  kinds: readonly Kind[],
  forMs: number,
  onCost: (cost: Cost) => void
): Promise<void> {
  const [master] = storm.masters
  if (master === undefined) throw new Error('no master')
  for (const kind of kinds) {
    const fault = kind.of(master, storm)
    const [visits, kept, from] = [storm.tally, storm.kept, nowMs()]
    await fault.begin()
    await pause(forMs)
    await fault.end()
    const stuck = await wellAgain(storm, kept.answered).then(
      () => undefined,
      (error: Error) => error.message
    )
    const to = nowMs()
    const { owners } = storm.lab
    onCost({
      kind: kind.name,
      visitsFailed: storm.tally.failed - visits.failed,
      keptBroken: storm.kept.broken - kept.broken,
      gapMs: storm.longestGap(from, to),
      vacancyMs: owners.longestVacancy(from, to),
      overlapMs: owners.longestOverlap(from, to),
      ...(stuck !== undefined && { stuck })
    })
  }
}

/** The first master is owner again, and clients have been answered for a second. */
async function wellAgain(storm: Storm, answered: number): Promise<void> {
  await Promise.all(storm.masters.map(({ subject }) => subject.start()))
  await storm.lab.owners.until(['m1'], WELL_MS)
  const { ok } = storm.tally
  await poll(() => storm.tally.ok > ok + 30 && storm.kept.answered > answered, WELL_MS, 'clients that are answered')
  const { failed } = storm.tally
  await pause(1500)
  await poll(() => storm.tally.failed === failed, WELL_MS, 'visits that do not fail').catch(() => undefined)
}

/** Rows of faults, of each subject: visits that failed, kept connections that broke, no answer for, no owner, two owners. */
export function tableOf(costs: Readonly<Record<string, readonly Cost[]>>): string {
  const [first = [], ...others] = Object.values(costs)
  const seconds = (ms: number): string => (ms < 100 ? '0' : (ms / 1000).toFixed(1))
  const cells = (cost: Cost | undefined): string => {
    if (cost === undefined) return '– | – | –'
    const lost = `${cost.visitsFailed} / ${cost.keptBroken}`
    const owners = `${seconds(cost.vacancyMs)} / ${seconds(cost.overlapMs)}`
    return `${lost} | ${seconds(cost.gapMs)} | ${owners}${cost.stuck === undefined ? '' : ' **not well again**'}`
  }
  const names = Object.keys(costs)
  const head = names
    .map((name) => `${name}: lost visits / kept connections | unanswered, s | no owner / two, s`)
    .join(' | ')
  const rows = first.map((cost) => {
    const same = others.map((list) => list.find(({ kind }) => kind === cost.kind))
    return `| ${cost.kind} | ${[cost, ...same].map(cells).join(' | ')} |`
  })
  return `| fault of the master | ${head} |\n|---|${'---|'.repeat(names.length * 3)}\n${rows.join('\n')}\n`
}
