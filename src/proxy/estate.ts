import { formatHostPort } from '../base/ip.js'
import type { ServerConfig } from '../config/schema.js'
import type { CheckResult } from '../health/checker.js'
import type { Verdict } from '../health/verdict.js'
import { newServer, type Server } from './pool.js'

/** What is known of a server and a service, as JSON, for the process that comes after this one. */
export interface ServerEstate {
  readonly name: string
  readonly address: string
  /** The data plane's number of it: its sessions have it. */
  readonly id: number
  readonly verdict: Verdict
  readonly lastCheck: (CheckResult & { readonly at: string }) | null
  readonly admin: Server['admin']
  readonly since: string
}

export interface ServiceEstate {
  readonly name: string
  readonly id: number
  readonly servers: readonly ServerEstate[]
}

export const serverEstate = ({ config, id, verdict, lastCheck, admin, since }: Server): ServerEstate => ({
  name: config.name,
  address: formatHostPort(config.address),
  id,
  verdict,
  lastCheck: lastCheck === null ? null : { ...lastCheck, at: lastCheck.at.toISOString() },
  admin,
  since: since.toISOString()
})

/** Which estate is that of a server: under its name at its address. */
export const estateOf = (all: readonly ServerEstate[], { name, address }: ServerConfig): ServerEstate | undefined =>
  all.find((one) => one.name === name && one.address === formatHostPort(address))

/** A server as its last process knew it, under the configuration of now: `disabled` and `weight` count where they are new. */
export function inherited(config: ServerConfig, estate: ServerEstate, today: Date): Server {
  const fresh = newServer(estate.id, config, today)
  const { verdict, lastCheck, admin } = estate
  return {
    ...fresh,
    verdict: config.check === null ? fresh.verdict : verdict,
    lastCheck: config.check === null || lastCheck === null ? null : { ...lastCheck, at: new Date(lastCheck.at) },
    admin: config.isDisabled ? fresh.admin : admin,
    since: new Date(estate.since)
  }
}
