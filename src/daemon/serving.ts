import type { Tier } from '../vrrp/tracking.js'
import type { Services } from './services.js'

/** What an instance hangs on besides its links and tracks. */
export interface Serving {
  readonly faults: readonly string[]
  readonly tier: Tier
}

/**
 * The cross wires: an instance whose services cannot be served is no master. proxy and vrrp never hear of each other.
 * @param virtual the addresses of the instance
 */
export function servingFor(
  virtual: ReadonlySet<string>,
  services: Pick<Services, 'list'>,
  host: { readonly isAlive: boolean; readonly isOwnAddress: (host: string) => boolean }
): Serving {
  const serving = services.list.filter((service) => service.concerns(virtual))
  const faults = serving.map((service) => service.faultOn(virtual)).filter((fault) => fault !== undefined)
  if (!host.isAlive && services.list.length > 0) faults.push('the data plane stands still')
  const reaches = serving.map((service) => service.reach(host.isOwnAddress))
  const tier = reaches.includes('nothing') ? 'nothing' : reaches.includes('local') ? 'local' : 'serving'
  return { faults, tier }
}
