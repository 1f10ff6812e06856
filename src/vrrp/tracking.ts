import type { Link } from '../os/rtnetlink.js'

/** Something outside that an instance's priority hangs on, as it is now; `reverse` is applied already. */
export interface Tracked {
  /** 'script chk_api': what the operator reads. */
  readonly label: string
  /** init: not known yet. */
  readonly state: 'init' | 'up' | 'down'
  /** 0: down is a fault. Above: added while up. Below: added while down. */
  readonly weight: number
  /** What a track file adds by itself, its number times its weight; else 0. */
  readonly value: number
  /** Why it is as it is. */
  readonly detail: string
}

/**
 * What this node can do for clients: its proxy has a server; only the apiserver on this node answers; nothing does.
 * away: the operator wants another node to be master (`vipd failover`).
 * Unlike a fault it takes nobody out of the election: where no node is better, the addresses stay where they are.
 */
export type Tier = 'serving' | 'local' | 'nothing' | 'away'

/** What an instance's fitness hangs on, as levels. */
export interface Fitness {
  readonly interface: string
  readonly link: Link | undefined
  /** Address that adverts come from. */
  readonly source: string | undefined
  /** What is missing where there is no source. */
  readonly sourceFault: string
  /** Why there is no VRRP socket. */
  readonly wireFault: string | undefined
  /** Why the kernel does not take the addresses. */
  readonly addressFault: string | undefined
  /** What the rest of the daemon reports: listeners that are not bound, a data plane that stands still. */
  readonly outside: readonly string[]
  readonly tracked: readonly Tracked[]
  readonly tier: Tier
}

/** keepalived: a track file's sum at or below this is a fault. */
const FILE_FAULT = -254

/** Everything that keeps an instance from being master, in words; none is healthy. Any of it is FAULT, priority 0, at once. */
export function faultsOf(fitness: Fitness): string[] {
  return [
    ...linkFaults(fitness),
    ...[fitness.wireFault, fitness.addressFault].filter((one) => one !== undefined),
    ...fitness.outside,
    ...fitness.tracked.flatMap(trackedFault)
  ]
}

function linkFaults({ interface: name, link, source, sourceFault }: Fitness): string[] {
  if (link === undefined) return [`interface ${name} does not exist`]
  if (!link.isUp) return [`link down: ${name} is switched off`]
  if (!link.isRunning) return [`link down: ${name} has no carrier`]
  return source === undefined ? [sourceFault] : []
}

function trackedFault({ label, state, weight, value, detail }: Tracked): string[] {
  const words = detail === '' ? '' : `: ${detail}`
  if (value <= FILE_FAULT) return [`${label} is ${value}${words}`]
  if (weight !== 0 || state === 'up') return []
  return [state === 'init' ? `${label} has no result yet` : `${label} is down${words}`]
}

/** What is advertised by a node that can do no better. Both are below every priority that can be configured beside a proxy. */
const TIER_PRIORITY = { local: 2, nothing: 1, away: 1 } as const

/** Weights lower the priority no further: the first above those. */
const LEAST_SERVING = 3

/**
 * Base priority plus what is tracked, at most 254 (keepalived's vrrp_set_effective_priority); the owner's 255 is never
 * touched. A node whose proxy has no server comes after every node whose proxy has one.
 */
export function effectivePriority(base: number, fitness: Pick<Fitness, 'tracked' | 'tier'>): number {
  if (base === 255) return 255
  if (fitness.tier !== 'serving') return TIER_PRIORITY[fitness.tier]
  const sum = fitness.tracked.reduce((total, one) => total + contribution(one), base)
  // Weights alone never make a node that serves look like one that does not.
  return Math.min(254, Math.max(Math.min(base, LEAST_SERVING), sum))
}

function contribution({ state, weight, value }: Tracked): number {
  if (weight > 0 && state === 'up') return weight
  if (weight < 0 && state === 'down') return weight
  return value > FILE_FAULT ? value : 0
}
