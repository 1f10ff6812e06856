import { errorAt, type Path, type Problem } from './problem.js'
import type { Config, VrrpConfig } from './schema.js'
import { type Tracked, trackedBy, weightsOf } from './tracked.js'

/** Where an effective priority is cut: 0 is a resignation, 255 the owner's. */
const LEAST = 1
const MOST = 254

/** What the priority of an instance moves between by the weights of what it tracks. */
export interface PriorityRange {
  readonly least: number
  readonly most: number
}

/**
 * Weights of an instance that no failure could ever make count. What its peers have is not known here: that a weight
 * is greater than the distance to the next node is for the operator to see, from {@link weightNotes}.
 */
export function weightProblems(one: VrrpConfig, at: Path, tracked: readonly Tracked[]): Problem[] {
  const weighted = tracked.filter(({ weight }) => weight !== 0)
  const told = (message: (name: string) => string): Problem[] =>
    weighted.map(({ track, path }) => errorAt([...path, 'weight'], message(track.name)))
  if (one.priority === 255) {
    return told(
      (name) =>
        `the owner's priority 255 does not move, so the weight of ${name} does nothing: write \`{ name: ${name}, weight: 0 }\`, a failure is then a fault, or use \`priority: 254\` or less`
    )
  }
  if (!one.preempt) {
    return told(
      (name) =>
        `with \`preempt: false\` no node takes over from a living master, however low the weight of ${name} brings it: write \`{ name: ${name}, weight: 0 }\`, a failure is then a fault, or use \`preempt: true\` on every node`
    )
  }
  const range = rangeOf(one.priority, weighted)
  if (weighted.length === 0 || range.least < range.most) return []
  const sum = weighted.reduce((all, { weight }) => all + Math.abs(weight), 0)
  const mend =
    one.priority === MOST
      ? `use \`priority: ${Math.max(LEAST, MOST - sum)}\` or less, or negative weights`
      : `use \`priority: ${Math.min(MOST, LEAST + sum)}\` or more, or positive weights`
  return [
    errorAt(
      [...at, 'priority'],
      `the weights are unreachable: priorities are cut to ${LEAST} to ${MOST}, so whatever becomes of ${names(weighted)}, it stays ${one.priority} and no failure passes the address on: ${mend}`
    )
  ]
}

/** What the priority of each instance with weights moves between, and by what. */
export function priorityRanges(config: Config): (PriorityRange & { name: string; tracked: readonly string[] })[] {
  const weights = weightsOf(config)
  return config.vrrp.flatMap((one, i) => {
    const weighted = trackedBy(one, ['vrrp', i], weights).filter(({ weight }) => weight !== 0)
    if (weighted.length === 0) return []
    return [{ name: one.name, tracked: weighted.map(({ track }) => track.name), ...rangeOf(one.priority, weighted) }]
  })
}

/** A sentence for each instance with weights: what only the operator can hold against the priorities of the other nodes. */
export function weightNotes(config: Config): string[] {
  return priorityRanges(config).map(
    ({ name, tracked, least, most }) =>
      `${name}: ${tracked.join(', ')} can move its priority between ${least} and ${most}: a peer takes over only if its own lies between them`
  )
}

/** What the priority moves between: the number in a file may be of either sign. */
function rangeOf(priority: number, weighted: readonly Tracked[]): PriorityRange {
  if (priority === 255) return { least: 255, most: 255 }
  const furthest = (sign: 1 | -1): number =>
    weighted.reduce((sum, { key, weight }) => {
      if (key === 'track_file') return sum + sign * MOST * Math.abs(weight)
      return Math.sign(weight) === sign ? sum + weight : sum
    }, priority)
  const cut = (value: number): number => Math.min(MOST, Math.max(LEAST, value))
  return { least: cut(furthest(-1)), most: cut(furthest(1)) }
}

const names = (weighted: readonly Tracked[]): string => weighted.map(({ track }) => track.name).join(', ')
