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

/** Everything that is done to both, under the headings of docs/parity.md. */
export const groups: Readonly<Record<string, readonly Scenario[]>> = {
  'How connections end': closing,
  Timeouts: timeouts,
  'Finding a server': connecting,
  'Health checks': health,
  Balancing: balancing,
  'Limits and queues': limits,
  'At run time': control,
  'At the edges': edge,
  'Reload, stop, log': lifecycle
}

export const scenarios: readonly Scenario[] = Object.values(groups).flat()
