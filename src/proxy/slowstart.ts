import type { ServiceConfig } from '../config/schema.js'
import type { Server } from './pool.js'

/** Steps in which the share of a server that came up grows. */
export const STEPS = 16
/** They are looked at this often. */
export const STEP_PERIOD_MS = 1000

/**
 * Sixteenths of its share that a server gets: 1 when it has just come up, 16 after `slowstart`, never less than before.
 * A server that has not been down since the start has them all.
 */
export function stepOf({ config, rampFromMs }: Pick<Server, 'config' | 'rampFromMs'>, nowMs: number): number {
  if (rampFromMs === null || config.slowstartMs === 0) return STEPS
  const step = 1 + Math.floor((STEPS * (nowMs - rampFromMs)) / config.slowstartMs)
  return Math.max(1, Math.min(STEPS, step))
}

/**
 * Whether shares may grow: a map that clients are looked up in would lead them elsewhere at each step, and `first` has
 * no shares.
 */
export function growsSlowly({ balance, hashType }: Pick<ServiceConfig, 'balance' | 'hashType'>): boolean {
  switch (balance.algorithm) {
    case 'roundrobin':
    case 'leastconn':
    case 'random':
      return true
    case 'source':
      return hashType === 'consistent'
    case 'static-rr':
    case 'first':
      return false
  }
}

/** The part of a maxconn that a server may have at this step; 0 is no limit at any. */
export const stepOfMaxconn = (maxconn: number, step: number): number =>
  maxconn === 0 ? 0 : Math.max(1, Math.floor((maxconn * step) / STEPS))
