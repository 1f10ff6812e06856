import type { Scenario } from './scenario.js'
import { balancing } from './scenarios/balancing.js'
import { closing } from './scenarios/closing.js'
import { connecting } from './scenarios/connecting.js'
import { control } from './scenarios/control.js'
import { edge } from './scenarios/edge.js'
import { health } from './scenarios/health.js'
import { lifecycle } from './scenarios/lifecycle.js'
import { limits } from './scenarios/limits.js'
import { timeouts } from './scenarios/timeouts.js'

/** Everything that is done to both. */
export const scenarios: readonly Scenario[] = [
  ...closing,
  ...timeouts,
  ...connecting,
  ...health,
  ...balancing,
  ...limits,
  ...control,
  ...edge,
  ...lifecycle
]
