import type { Scenario } from './scenario.js'
import { closing } from './scenarios/closing.js'

/** Everything that is done to both. */
export const scenarios: readonly Scenario[] = [...closing]
