import { nowMs } from '../lab/wait.js'
import { type Mode, modes } from './modes.js'
import { type Direction, MOST_LATE_MS, type Outcome } from './outcome.js'
import { type Scenario, scenarios } from './scenarios.js'
import { Stage } from './stage.js'

const REPLAYS = 2

/** One square of the matrix. */
export interface Cell {
  readonly mode: Mode
  readonly scenario: Scenario
  readonly direction: Direction
}

export const cellName = (cell: Cell): string => `${cell.mode.name} ${cell.scenario.name} ${cell.direction}`

/** Every cell of these modes and scenarios. @param directions those that each scenario is played in by itself, unless given */
export function cellsOf(
  ofModes: readonly Mode[],
  ofScenarios: readonly Scenario[] = scenarios,
  directions?: readonly Direction[]
): Cell[] {
  return ofModes.flatMap((mode) =>
    ofScenarios.flatMap((scenario) =>
      (directions ?? scenario.directions).map((direction) => ({ mode, scenario, direction }))
    )
  )
}

/** A cell by its three names; throws when there is none. */
export function cell(mode: string, scenario: string, direction: Direction): Cell {
  const found = cellsOf(modes, scenarios, [direction]).find(
    (one) => cellName(one) === `${mode} ${scenario} ${direction}`
  )
  if (found === undefined) throw new Error(`no such cell: ${mode} ${scenario} ${direction}`)
  return found
}

/** Plays a cell in a lab of its own. Never rejects: what goes wrong is a failure of the outcome. */
export async function play({ mode, scenario, direction }: Cell): Promise<Outcome> {
  const began = nowMs()
  const names = { mode: mode.name, scenario: scenario.name, direction }
  let stage: Stage | undefined
  try {
    stage = new Stage(mode, direction, { swapped: scenario.swapped?.(direction) ?? false })
    await scenario.play(stage)
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    if (stage === undefined)
      return { ...names, phases: [], notes: [], failures: [text], lateMs: 0, tookS: (nowMs() - began) / 1000 }
    stage.failures.push(text)
  }
  const { phases, failures, judge } = stage
  const notes = failures.length > 0 ? [...stage.notes, ...stage.logs()] : stage.notes
  await stage.lab.close()
  return { ...names, phases, notes, failures, lateMs: judge.lateMs, tookS: (nowMs() - began) / 1000 }
}

/**
 * Plays many, `jobs` at a time; tells of each as it ends. In the order of the cells. A cell in which the judge was kept
 * from asking is played again, whether it passed or not: a gap may have been missed.
 */
export async function playAll(
  cells: readonly Cell[],
  jobs: number,
  tell: (outcome: Outcome) => void
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (;;) {
      const index = next++
      const one = cells[index]
      if (one === undefined) return
      let outcome = await play(one)
      for (let again = 0; again < REPLAYS && outcome.lateMs > MOST_LATE_MS; again++) outcome = await play(one)
      outcomes[index] = outcome
      tell(outcome)
    }
  }
  await Promise.all(Array.from({ length: jobs }, worker))
  return outcomes
}
