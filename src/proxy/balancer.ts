import type { ServiceConfig } from '../config/schema.js'
import type { ServiceTable } from '../os/plane.js'
import { type Server, weightOf } from './pool.js'
import { ring } from './ring.js'
import { slots } from './slots.js'
import { growsSlowly, STEPS, stepOf } from './slowstart.js'
import { rotation } from './smooth.js'

/** How a server is chosen, as the table says it. */
export type Balance = Pick<ServiceTable, 'algorithm' | 'rotation' | 'ring' | 'draws' | 'balanceFactor'>

/** A server that gets connections, with its place in the table. */
export interface Share {
  readonly name: string
  readonly index: number
  /** Above 0. */
  readonly weight: number
}

type BalanceConfig = Pick<ServiceConfig, 'balance' | 'hashType' | 'balanceFactor'>

/** The table allows so much. */
const MAX_WEIGHT = 65_535

/** A server's share now, in sixteenths of its weight. */
export function shareOf(server: Server, config: BalanceConfig, nowMs: number): number {
  const step = growsSlowly(config) ? stepOf(server, nowMs) : STEPS
  return Math.min(MAX_WEIGHT, Math.ceil(weightOf(server) * step))
}

/** Those that get connections → how they are walked. */
export function balance(config: BalanceConfig, shares: readonly Share[]): Balance {
  const weights = shares.map(({ weight }) => weight)
  const placed = (turns: readonly number[]): number[] => turns.map((turn) => shares[turn]?.index ?? 0)
  const inTurn = shares.map(({ index }) => index)
  const { draws } = config.balance
  const none = { ring: [], draws, balanceFactor: 0 }
  switch (config.balance.algorithm) {
    case 'roundrobin':
      return {
        ...none,
        algorithm: 'rotation',
        rotation: placed(rotation(weights)),
        balanceFactor: config.balanceFactor
      }
    case 'static-rr':
      return { ...none, algorithm: 'rotation', rotation: placed(slots(weights)) }
    case 'leastconn':
      return { ...none, algorithm: 'leastconn', rotation: inTurn }
    case 'first':
      return { ...none, algorithm: 'first', rotation: inTurn }
    case 'random':
      return { ...none, algorithm: 'random', rotation: placed(rotation(weights)) }
    case 'source':
      if (config.hashType === 'map-based') return { ...none, algorithm: 'source', rotation: placed(slots(weights)) }
      return { ...none, algorithm: 'consistent', rotation: inTurn, ring: ringOf(shares) }
  }
}

/** On the ring a weight of 1 has 16 points. */
function ringOf(shares: readonly Share[]): number[] {
  const points = ring(shares.map(({ name, weight }) => ({ name, points: weight })))
  return points.map((value, i) => (i % 2 === 0 ? value : (shares[value]?.index ?? 0)))
}
