import { availableParallelism } from 'node:os'
import { VipdError } from '../base/errors.js'
import type { Config } from '../config/schema.js'
import { type Addon, addon } from '../os/addon.js'
import { budget, descriptorsFor, shortage } from '../proxy/descriptors.js'
import { sessionsWanted } from './reload.js'

/** What this host gives the data plane of a configuration. */
export interface Capacity {
  /** Worker threads: one for each core unless the configuration names a number. */
  readonly threads: number
  /** maxconn over all services, as configured, and what of it fits into the open files that the process may have. */
  readonly wanted: number
  readonly fits: number
  /** Pipes for each worker. */
  readonly pipes: number
  /** What is to be said about it; undefined when it all fits. */
  readonly shortage: string | undefined
}

/** Raises the limit of open files as far as needed and allowed, and tells what that makes possible. */
export function capacityFor(config: Config, native: Pick<Addon, 'raiseDescriptorLimit'> = addon()): Capacity {
  const threads = config.threads ?? Math.min(64, availableParallelism())
  const wanted = config.proxy.length === 0 ? 0 : sessionsWanted(config)
  if (wanted === 0) return { threads, wanted, fits: 0, pipes: 0, shortage: undefined }
  const descriptors = native.raiseDescriptorLimit(descriptorsFor(wanted, threads))
  const { sessions: fits, pipes } = budget(wanted, threads, descriptors)
  return { threads, wanted, fits, pipes, shortage: shortage(wanted, threads, descriptors) }
}

/**
 * What this host is short of, as a sentence; on one where the addon was not built, that.
 * @param openFiles that the service may have; undefined: as many as this process
 */
export function describeShortage(config: Config, openFiles?: number): string | undefined {
  try {
    const limited = openFiles === undefined ? undefined : { raiseDescriptorLimit: () => openFiles }
    return capacityFor(config, limited).shortage
  } catch (error) {
    if (error instanceof VipdError) return error.message
    throw error
  }
}

/** Throws a VipdError that names the capabilities which an election needs and this process lacks. */
export function requireCapabilities(config: Config, missing: readonly string[]): void {
  if (config.vrrp.length === 0 || missing.length === 0) return
  throw new VipdError(
    'CAPABILITY_MISSING',
    `vipd lacks ${missing.join(' and ')}: run it as root, or by the systemd unit, which grants both (AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW)`,
    { missing }
  )
}
