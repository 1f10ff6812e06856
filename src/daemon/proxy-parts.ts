import type { Clock } from '../base/clock.js'
import type { History } from '../base/history.js'
import type { Log } from '../base/log.js'
import type { Config } from '../config/schema.js'
import { Probes } from '../health/probes.js'
import type { Addon, NativeProber } from '../os/addon.js'
import { run, splitCommand } from '../os/exec.js'
import { icmpOpener } from '../os/icmp.js'
import type { NativeDataPlane } from '../os/plane.js'
import { programProblem } from '../os/safe-program.js'
import type { InheritedSockets } from '../proxy/listeners.js'
import { type Capacity, capacityFor } from './host.js'
import { proxyLog } from './proxy-log.js'
import type { ScriptUsers } from './script-users.js'
import { Services } from './services.js'

interface ProxyPorts {
  readonly addon: Addon
  readonly clock: Clock
  readonly log: Log
  readonly users: ScriptUsers
  readonly history: History
  readonly today: () => Date
  readonly inherited: InheritedSockets
}

/** The half of the daemon that carries connections. */
export interface ProxyParts {
  readonly plane: NativeDataPlane
  readonly prober: NativeProber
  readonly probes: Probes
  readonly services: Services
  readonly capacity: Capacity
}

/** Makes the data plane, the probes and the services of a configuration. @param onChange what they can do for clients may be another */
export function makeProxy(config: Config, ports: ProxyPorts, onChange: () => void): ProxyParts {
  const { addon, clock, log, users, history, today, inherited } = ports
  const capacity = capacityFor(config, addon)
  const { threads, fits, pipes } = capacity
  const plane = new addon.DataPlane({ threads, mode: 'hybrid', maxconn: Math.max(1, fits), pipes }, (event) =>
    services.onEvent(event)
  )
  const prober = new addon.Prober()
  const probes = new Probes({
    clock,
    prober,
    openIcmp: icmpOpener(addon),
    run,
    splitCommand,
    programProblem: (program) => programProblem(program),
    credentialsOf: (user) => users.of(user)
  })
  // Programs that are run must not keep the listeners of others open.
  if (inherited.size > 0) addon.closeOnExec()
  const services = new Services(fits, {
    clock,
    log: proxyLog(log, history, today),
    plane,
    probe: (check, names) => probes.health(check, names),
    agentProbe: (agent) => probes.agent(agent),
    random: Math.random,
    today,
    inherited,
    onChange
  })
  return { plane, prober, probes, services, capacity }
}
