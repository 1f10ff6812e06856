import type { Outcome } from './outcome.js'
import type { Scenario } from './scenario.js'

export function page(scenarios: readonly Scenario[], outcomes: readonly Outcome[]): string {
  return `${scenarios.length} ${outcomes.length}`
}
