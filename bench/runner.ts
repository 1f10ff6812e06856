import type { Cell, Effort, Measured, OpenScenario, Scenario, ScenarioResult } from './model.js'

export interface RunOptions {
  readonly effort: Effort
  /** Ends the run after the cell that is being measured; what there is is kept. */
  readonly signal: AbortSignal
  readonly onProgress: (progress: Progress) => void
  /** After each scenario, with all results up to it: what a later end cannot take away. */
  readonly onScenario?: (results: readonly ScenarioResult[]) => Promise<void>
}

export interface Progress {
  readonly scenario: string
  readonly target: string
  readonly round: number
  readonly rounds: number
  readonly measured: Measured
}

/** Runs scenarios one after the other; in each the targets take turns, round by round. Never rejects: what fails is in the result. */
export async function runScenarios(scenarios: readonly Scenario[], options: RunOptions): Promise<ScenarioResult[]> {
  const results: ScenarioResult[] = []
  for (const scenario of scenarios) {
    results.push(options.signal.aborted ? notRun(scenario, INTERRUPTED) : await runOne(scenario, options))
    await options.onScenario?.(results)
  }
  return results
}

const INTERRUPTED = 'the run was interrupted'

export const roundsOf = (scenario: Scenario, effort: Effort): number => scenario.rounds?.(effort) ?? effort.rounds

async function runOne(scenario: Scenario, options: RunOptions): Promise<ScenarioResult> {
  const { effort, signal } = options
  let opened: OpenScenario
  try {
    opened = await scenario.open(effort, signal)
  } catch (error) {
    return notRun(scenario, signal.aborted ? INTERRUPTED : words(error))
  }
  const cells: Cell[] = []
  const { absent = {}, configurations = {} } = opened
  const targets = scenario.targets.filter((target) => absent[target] === undefined)
  const rounds = roundsOf(scenario, effort)
  let closing: string | undefined
  try {
    for (let round = 1; round <= rounds && !signal.aborted; round++) {
      for (const target of targets) {
        if (signal.aborted) break
        const measured = await measure(opened, target, round)
        // What an interrupt cut short says nothing.
        if (signal.aborted && !measured.ok) break
        cells.push({ ...measured, target, round })
        options.onProgress({ scenario: scenario.name, target, round, rounds, measured })
      }
    }
  } finally {
    closing = await opened.close().then(() => undefined, words)
  }
  const result = { ...named(scenario), cells, configurations: { ...configurations }, absent: { ...absent } }
  if (signal.aborted) return { ...result, problem: INTERRUPTED }
  return closing === undefined ? result : { ...result, problem: `it could not be cleared away: ${closing}` }
}

async function measure(opened: OpenScenario, target: string, round: number): Promise<Measured> {
  try {
    return await opened.measure(target, round)
  } catch (error) {
    return { ok: false, problem: words(error) }
  }
}

function named({ name, title, what, figures, targets }: Scenario) {
  return { name, title, what, figures, targets }
}

function notRun(scenario: Scenario, problem: string): ScenarioResult {
  return { ...named(scenario), cells: [], configurations: {}, absent: {}, problem }
}

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error))
