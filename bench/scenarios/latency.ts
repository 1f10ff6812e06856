import type { Work } from '../load.js'
import type { Effort, OpenScenario, Scenario } from '../model.js'
import { problemOf, Stand } from '../stand.js'
import { allTargets, DIRECT } from '../targets/all.js'
import { latencyFigures, measuredLatency } from './figures.js'

const CONNECTIONS = 64
const BYTES = 100
const targets = allTargets

/** Open loop: requests come when they are due, not when the one before was answered. Half of what the slowest proxy can do. */
export const latencyScenario: Scenario = {
  name: 'latency-fixed-rate',
  title: 'Latency at a fixed rate',
  what: `Requests for ${BYTES} bytes are due on a fixed schedule on ${CONNECTIONS} kept connections, at half of what the slowest proxy managed in a trial right before; latency is from when a request was due.`,
  figures: latencyFigures,
  targets,
  open
}

async function open(effort: Effort, signal: AbortSignal): Promise<OpenScenario> {
  const stand = await Stand.open({ targets, threads: 2 })
  const warmS = Math.min(0.3, effort.seconds / 4)
  const perSecond = await halfOfTheSlowest(stand, Math.min(1, effort.seconds), signal)
  const work: Work = { mode: 'rate', connections: CONNECTIONS, bytes: BYTES, perSecond }
  return {
    configurations: stand.configurations,
    absent: stand.absent,
    close: () => stand.close(),
    measure: async (target) => {
      const loaded = await stand.load(target, work, effort.seconds, warmS)
      return 'problem' in loaded ? problemOf(loaded.problem) : measuredLatency(loaded)
    }
  }
}

async function halfOfTheSlowest(stand: Stand, seconds: number, signal: AbortSignal): Promise<number> {
  const rates: number[] = []
  for (const target of targets) {
    signal.throwIfAborted()
    if (target === DIRECT || stand.absent[target] !== undefined) continue
    const loaded = await stand.load(target, { mode: 'requests', connections: CONNECTIONS, bytes: BYTES }, seconds, 0.1)
    if (!('problem' in loaded)) rates.push(loaded.outcome.rate)
  }
  const slowest = Math.min(...rates)
  if (!Number.isFinite(slowest) || slowest < 2) throw new Error('no proxy answered in the trial')
  return Math.round(slowest / 2)
}
