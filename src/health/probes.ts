import type { Clock } from '../base/clock.js'
import type { AgentConfig, CheckConfig } from '../config/check-schema.js'
import type { NativeProber } from '../os/addon.js'
import type { OpenIcmp } from '../os/icmp.js'
import { agentProbe } from './agent.js'
import type { Probe } from './checker.js'
import { CredentialStore } from './credentials.js'
import { type ExecPorts, execProbe, type ServerNames } from './exec.js'
import { httpProbe } from './http.js'
import { icmpProbe, Pinger } from './icmp.js'
import { Pacer } from './pacer.js'
import { tcpProbe } from './tcp.js'

export interface ProbesPorts extends ExecPorts {
  readonly clock: Clock
  readonly prober: Pick<NativeProber, 'tcp'>
  readonly openIcmp: OpenIcmp
}

/** Makes the probes of all servers, and holds what they share: files of keys, the sockets for ICMP. */
export class Probes {
  readonly #ports: ProbesPorts
  readonly #credentials: CredentialStore
  readonly #pinger: Pinger
  readonly #pacer: Pacer

  constructor(ports: ProbesPorts) {
    this.#ports = ports
    this.#credentials = new CredentialStore(ports.clock)
    this.#pinger = new Pinger(ports.clock, ports.openIcmp)
    this.#pacer = new Pacer(ports.clock)
  }

  /** The probe of a server's check. Its Checker closes it. */
  health(check: CheckConfig, names: ServerNames): Probe {
    const { clock, prober } = this.#ports
    switch (check.type) {
      case 'tcp':
        return tcpProbe(prober, check.host, check.port)
      case 'http':
      case 'https':
        if (check.http === null) throw new Error(`an ${check.type} check without its settings`)
        return httpProbe({ ...check, http: check.http }, { clock, credentials: this.#credentials, pacer: this.#pacer })
      case 'exec':
        return execProbe(check, names, this.#ports)
      case 'icmp':
        return icmpProbe(this.#pinger, check.host)
      case 'agent':
        return agentProbe(check, { clock, pacer: this.#pacer })
    }
  }

  /** The probe of an agent beside the check: judge its results by `{ rise: 1, fall: 1 }`, follow their `advice`. */
  agent(agent: AgentConfig): Probe {
    return agentProbe(agent, { clock: this.#ports.clock, pacer: this.#pacer })
  }

  /** Closes what is shared; after all checkers were stopped. */
  close(): void {
    this.#pinger.close()
  }
}
