import { errorAt, type Path, type Problem, unique, warningAt } from './problem.js'
import type { ServiceConfig } from './schema.js'
import { type Written, writtenFor } from './written.js'

/** What does nothing, or harm, with the algorithm that a service has. */
export function balanceProblems(one: ServiceConfig, index: number, written: Written): Problem[] {
  const at: Path = ['proxy', index]
  const { algorithm } = one.balance
  const stray = (key: string, isOf: boolean, what: string): Problem[] =>
    isOf || written.value([...at, key]) === undefined
      ? []
      : [warningAt([...at, key], `\`${key}\` is for ${what} and does nothing with ${algorithm}: leave it out`)]
  return [
    ...stray('hash_type', algorithm === 'source', '`balance: source`'),
    ...stray('balance_factor', algorithm === 'roundrobin', '`balance: roundrobin`'),
    ...rebalanceProblems(one, at),
    ...firstProblems(one, at),
    ...slowstartProblems(one, at, written)
  ]
}

/** A client whose session is closed connects again: with these to the very same server. */
function rebalanceProblems(one: ServiceConfig, at: Path): Problem[] {
  const { algorithm } = one.balance
  if (one.rebalance === null || (algorithm !== 'source' && algorithm !== 'first')) return []
  const message = `with \`balance: ${algorithm}\` clients come back to the server that they were taken from: leave it out, or use leastconn or roundrobin`
  return [errorAt([...at, 'rebalance'], message)]
}

function firstProblems(one: ServiceConfig, at: Path): Problem[] {
  const before = one.servers.filter(({ isBackup }) => !isBackup).slice(0, -1)
  const endless = before.find(({ maxconn }) => maxconn === 0)
  if (one.balance.algorithm !== 'first' || endless === undefined) return []
  const message = `\`first\` goes on to the next server when one has reached its \`maxconn\`, and ${endless.name} has none: give it one`
  return [warningAt([...at, 'balance'], message)]
}

/** A share that grows needs an algorithm that looks at shares. */
function slowstartProblems(one: ServiceConfig, at: Path, written: Written): Problem[] {
  const { algorithm } = one.balance
  const isStatic =
    algorithm === 'static-rr' || algorithm === 'first' || (algorithm === 'source' && one.hashType === 'map-based')
  if (!isStatic) return []
  const name = algorithm === 'source' ? 'source without `hash_type: consistent`' : algorithm
  const paths = one.servers.flatMap(({ slowstartMs }, i) =>
    slowstartMs === 0 ? [] : [writtenFor(written, at, i, 'slowstart')]
  )
  return unique(
    paths.map((path) =>
      warningAt(path, `\`slowstart\` does nothing with ${name}: use leastconn, roundrobin or random, or leave it out`)
    )
  )
}
