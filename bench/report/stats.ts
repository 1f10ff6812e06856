import type { ScenarioResult } from '../model.js'
import { median, percentile } from './table.js'

/** A median with where most of its samples lie. */
export interface Spread {
  readonly median: number
  /** A quarter of the samples is below `low`, a quarter above `high`. */
  readonly low: number
  readonly high: number
  readonly count: number
}

/** @returns undefined where there is no sample */
export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined
  const [low, high] = [percentile(values, 25), percentile(values, 75)]
  return { median: median(values), low, high, count: values.length }
}

/** A target's figures of a scenario, by round; rounds that failed are not in it. */
export function samplesOf(result: ScenarioResult, target: string, key: string): Map<number, number> {
  const samples = new Map<number, number>()
  for (const cell of result.cells) {
    if (cell.target !== target || !cell.ok) continue
    const value = cell.figures[key]
    if (value !== undefined) samples.set(cell.round, value)
  }
  return samples
}

export function spreadAt(result: ScenarioResult, target: string, key: string): Spread | undefined {
  return spreadOf([...samplesOf(result, target, key).values()])
}

/**
 * Of a target to a baseline, paired round by round: what the machine did to both in a round falls out.
 * Rounds in which either is missing, or the baseline is zero, do not count.
 */
export function pairedRatio(result: ScenarioResult, target: string, baseline: string, key: string): Spread | undefined {
  const below = samplesOf(result, baseline, key)
  const ratios: number[] = []
  for (const [round, value] of samplesOf(result, target, key)) {
    const base = below.get(round)
    if (base !== undefined && base !== 0) ratios.push(value / base)
  }
  return spreadOf(ratios)
}
