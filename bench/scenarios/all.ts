import type { Scenario } from '../model.js'
import { countScenarios } from './counts.js'
import { latencyScenario } from './latency.js'
import {
  bulkScenarios,
  burstScenario,
  connectionScenarios,
  handshakeScenario,
  requestScenarios,
  scalingScenarios
} from './loads.js'
import { memoryScenario } from './memory.js'
import { wrkScenarios } from './wrk.js'

/** In the order of the report. */
export const proxyScenarios: readonly Scenario[] = [
  ...requestScenarios,
  ...connectionScenarios,
  handshakeScenario,
  ...bulkScenarios,
  latencyScenario,
  memoryScenario,
  burstScenario,
  ...scalingScenarios,
  ...wrkScenarios,
  ...countScenarios
]
