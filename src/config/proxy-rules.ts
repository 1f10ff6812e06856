import { clashes, formatBind } from '../base/bind.js'
import { formatHostPort } from '../base/ip.js'
import { duplicates, errorAt, type Problem } from './problem.js'
import type { Config, ServiceConfig } from './schema.js'

/** The servers of a service: told apart, and reachable without going through the service itself. */
export function serviceProblems(one: ServiceConfig, index: number): Problem[] {
  const problems = duplicates(
    one.servers,
    (server) => server.name,
    (i) => ['proxy', index, 'servers', i, 'name'],
    (server) => `another server of ${one.name} is already called ${server.name}: names must differ`
  )
  for (const [i, server] of one.servers.entries()) {
    if (isWildcard(server.address.host)) {
      problems.push(
        errorAt(
          ['proxy', index, 'servers', i, 'address'],
          `${server.address.host} is no server: name the address that it listens on`
        )
      )
    }
    if (one.bind.some((bind) => formatBind(bind) === formatHostPort(server.address))) {
      problems.push(
        errorAt(
          ['proxy', index, 'servers', i, 'address'],
          `${formatHostPort(server.address)} is where ${one.name} itself listens: the proxy would call itself`
        )
      )
    }
  }
  return problems
}

/** Two services on one port: the same address, or one of them a wildcard of that family. */
export function sharedListeners(config: Config): Problem[] {
  const all = config.proxy.flatMap((service, i) =>
    service.bind.map((bind, j) => ({ service, bind, path: ['proxy', i, 'bind', j] as const }))
  )
  const problems: Problem[] = []
  for (const [i, later] of all.entries()) {
    const clash = all.slice(0, i).find(({ bind }) => clashes(bind, later.bind))
    if (clash !== undefined) {
      problems.push(
        errorAt(
          later.path,
          `${formatBind(later.bind)} clashes with ${formatBind(clash.bind)} of ${clash.service.name}: give each listener its own address and port`
        )
      )
    }
  }
  return problems
}

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::'
