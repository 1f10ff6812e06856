import { balanceProblems } from './balance-rules.js'
import { checkProblems } from './check-rules.js'
import { bindProblems, sharedListeners } from './listener-rules.js'
import { type Problem, sameNames } from './problem.js'
import { routeProblems } from './route-rules.js'
import type { Config } from './schema.js'
import { serverProblems } from './server-rules.js'
import type { Written } from './written.js'

/** Everything about the services: their listeners, routes, servers, checks and balancing. */
export function proxyProblems(config: Config, written: Written): Problem[] {
  return [
    ...sameNames(config.proxy, 'proxy', 'service'),
    ...sharedListeners(config),
    ...routeProblems(config, written),
    ...config.proxy.flatMap((one, i) => [
      ...bindProblems(one, i, written),
      ...serverProblems(one, i, written),
      ...checkProblems(one, i, written),
      ...balanceProblems(one, i, written)
    ])
  ]
}
