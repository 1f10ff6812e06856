import { nowMs } from '../lab/wait.js'
import { expected, type Facts, type Scenario } from './scenario.js'
import { Place, Stage } from './stage.js'
import type { Side } from './subject.js'
import { Vipd } from './vipd.js'

/** When a timer of the judge or its actors was later than this, what it measured does not count. */
const MOST_LATE_MS = 100
const LIMIT_MS = 100_000

/** One side of a scenario, played once. */
export interface SideOutcome {
  readonly side: Side
  readonly facts: Facts
  /** What is not as written; none: it passed. */
  readonly failures: readonly string[]
  /** The last it said, where it failed. */
  readonly words: string
  /** What the import had to say. */
  readonly notes: readonly string[]
  readonly lateMs: number
  readonly tookS: number
  readonly isSecondTry: boolean
}

export interface Outcome {
  readonly scenario: string
  readonly sides: readonly SideOutcome[]
}

export const isFailed = (outcome: Outcome): boolean => outcome.sides.some(({ failures }) => failures.length > 0)

/** Plays a scenario with each of these, in namespaces of its own. Never rejects. */
export async function play(scenario: Scenario, sides: readonly Side[]): Promise<Outcome> {
  const place = await Place.open()
  const outcomes: SideOutcome[] = []
  try {
    for (const side of sides) {
      let outcome = await playSide(place, scenario, side)
      if (outcome.failures.length > 0 && outcome.lateMs > MOST_LATE_MS)
        outcome = { ...(await playSide(place, scenario, side)), isSecondTry: true }
      outcomes.push(outcome)
    }
  } finally {
    await place.close()
  }
  return { scenario: scenario.name, sides: outcomes }
}

async function playSide(place: Place, scenario: Scenario, side: Side): Promise<SideOutcome> {
  const began = nowMs()
  const watch = lateness()
  const failures: string[] = []
  let facts: Facts = {}
  let words = ''
  let notes: readonly string[] = []
  let actorsLateMs = 0
  const stage = new Stage(place, side, scenario)
  try {
    await stage.open(scenario.servers)
    facts = await within(LIMIT_MS, async () => {
      if (scenario.isStartedByPlay !== true) await stage.start()
      return scenario.play(stage)
    })
    failures.push(...differences(facts, expected(scenario, side)))
    actorsLateMs = await stage.lateness()
  } catch (error) {
    failures.push(error instanceof Error ? error.message : String(error))
    actorsLateMs = await stage.lateness().catch(() => 0)
  }
  const { proxy } = stage
  if (proxy instanceof Vipd)
    notes = proxy.notes.map((note) => `line ${note.line}: ${note.level}: ${note.subject}: ${note.text}`)
  if (side === 'vipd') {
    const unsaid = (scenario.importSays ?? []).filter((what) => !notes.some((note) => note.includes(what)))
    failures.push(...unsaid.map((what) => `the import says nothing of: ${what}`))
  }
  if (failures.length > 0) words = wordsOf(stage)
  await stage.close()
  const lateMs = Math.max(watch(), actorsLateMs)
  return { side, facts, failures, words, notes, lateMs, tookS: (nowMs() - began) / 1000, isSecondTry: false }
}

/** What is seen and not expected, and the other way round. */
export function differences(seen: Facts, wanted: Facts): string[] {
  const keys = [...new Set([...Object.keys(wanted), ...Object.keys(seen)])]
  return keys
    .filter((key) => seen[key] !== wanted[key])
    .map((key) => `${key}: ${seen[key] ?? '(nothing)'}; expected: ${wanted[key] ?? '(nothing)'}`)
}

function wordsOf(stage: Stage): string {
  try {
    return stage.proxy.words()
  } catch {
    return ''
  }
}

/** @returns a function that tells how late this process's timers were at most since */
function lateness(): () => number {
  let most = 0
  let next = nowMs() + 20
  const timer = setInterval(() => {
    const now = nowMs()
    most = Math.max(most, now - next)
    next = now + 20
  }, 20)
  return () => {
    clearInterval(timer)
    return most
  }
}

async function within<Result>(ms: number, run: () => Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${ms / 1000} s`)), ms)
  })
  return Promise.race([run(), late]).finally(() => clearTimeout(timer))
}

/** Plays many, `jobs` at a time, long ones first; tells of each as it ends. In the order given. */
export async function playAll(
  scenarios: readonly Scenario[],
  sides: readonly Side[],
  jobs: number,
  tell: (outcome: Outcome, scenario: Scenario) => void
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const queue = [...scenarios].sort((one, other) => Number(other.isLong ?? false) - Number(one.isLong ?? false))
  const worker = async (): Promise<void> => {
    for (;;) {
      const scenario = queue.shift()
      if (scenario === undefined) return
      const outcome = await play(scenario, sides)
      outcomes[scenarios.indexOf(scenario)] = outcome
      tell(outcome, scenario)
    }
  }
  await Promise.all(Array.from({ length: jobs }, worker))
  return outcomes
}
