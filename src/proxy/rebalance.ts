/** What a server that gets connections has, and what it should have. */
export interface Load {
  readonly server: number
  /** Sessions at once. */
  readonly current: number
  /** Its share. */
  readonly weight: number
}

/** So many sessions above its share are no imbalance, however few there are. */
const LEAST_EXCESS = 4

/** How uneven it is: the most that a server has of its share; 1 is even. */
export function skewOf(loads: readonly Load[]): number {
  const ratios = loads.map((load) => ratio(load, loads))
  return Math.max(1, ...ratios)
}

/** The server to take sessions from, and how many it has above its share. */
export interface Surplus {
  readonly server: number
  readonly excess: number
}

/**
 * Where sessions are to be closed: at the server that has the most of its share, if that is more than `maxSkew` times
 * it and at least 4 sessions; undefined where nothing is to be done.
 */
export function surplusOf(loads: readonly Load[], maxSkew: number): Surplus | undefined {
  const [worst] = [...loads].sort((a, b) => ratio(b, loads) - ratio(a, loads))
  if (worst === undefined || loads.length < 2) return undefined
  const excess = Math.floor(worst.current - shareOf(worst, loads))
  return ratio(worst, loads) > maxSkew && excess >= LEAST_EXCESS ? { server: worst.server, excess } : undefined
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

function shareOf({ weight }: Load, loads: readonly Load[]): number {
  const weights = sum(loads.map((load) => load.weight))
  return weights === 0 ? 0 : (sum(loads.map(({ current }) => current)) * weight) / weights
}

function ratio(load: Load, loads: readonly Load[]): number {
  const share = shareOf(load, loads)
  return share === 0 ? 1 : load.current / share
}
