import { type Bind, clashes, formatBind } from '../base/bind.js'
import { contains, formatPrefix } from '../base/ip.js'
import { errorAt, type Path, type Problem, warningAt } from './problem.js'
import type { Config, ServiceConfig } from './schema.js'
import type { Written } from './written.js'

/** Two listeners on one place: the same address, the same socket, or one of them a wildcard of that family. */
export function sharedListeners(config: Config): Problem[] {
  const all = config.proxy.flatMap((service, i) =>
    service.bind.map((bind, j) => ({ service, bind, path: ['proxy', i, 'bind', j] as const }))
  )
  const problems: Problem[] = []
  for (const [i, later] of all.entries()) {
    const clash = all.slice(0, i).find(({ bind }) => clashes(bind, later.bind))
    if (clash !== undefined) {
      const mend = later.bind.kind === 'tcp' ? 'its own address and port' : 'a socket of its own'
      problems.push(
        errorAt(
          later.path,
          `${formatBind(later.bind)} clashes with ${formatBind(clash.bind)} of ${clash.service.name}: give each listener ${mend}`
        )
      )
    }
  }
  return problems
}

/** Limits that are never reached, clients that nobody lets in, and listeners that do not go with the rest of a service. */
export function bindProblems(one: ServiceConfig, index: number, written: Written): Problem[] {
  const at: Path = ['proxy', index]
  return [
    ...one.bind.flatMap((bind, j) => [
      ...limitProblems(one, bind, [...at, 'bind', j]),
      ...transparencyProblems(one, bind, [...at, 'bind', j])
    ]),
    ...sourceLimitProblems(one, at),
    ...accessProblems(one, at),
    ...(one.sessionLog !== 'sampled' && written.value([...at, 'log_sample']) !== undefined
      ? [
          warningAt(
            [...at, 'log_sample'],
            '`log_sample` counts with `session_log: sampled` alone: write that, or leave it out'
          )
        ]
      : [])
  ]
}

function limitProblems(one: ServiceConfig, { maxconn }: Bind, path: Path): Problem[] {
  if (maxconn === null || maxconn <= one.maxconn) return []
  return [
    warningAt(
      [...path, 'maxconn'],
      `${one.name} has \`maxconn: ${one.maxconn}\`, so ${maxconn} is never reached: raise that, or lower this`
    )
  ]
}

function sourceLimitProblems(one: ServiceConfig, at: Path): Problem[] {
  if (one.sourceMaxconn < one.maxconn) return []
  return [
    warningAt(
      [...at, 'source_maxconn'],
      `${one.name} has \`maxconn: ${one.maxconn}\`, so one address never reaches ${one.sourceMaxconn}: lower it`
    )
  ]
}

/** The client of a unix socket has no address to connect from, unless a PROXY header names one. */
function transparencyProblems(one: ServiceConfig, bind: Bind, path: Path): Problem[] {
  if (!one.isTransparent || bind.kind !== 'unix' || bind.acceptProxy) return []
  return [
    warningAt(
      path,
      `clients of ${formatBind(bind)} have no address, so \`transparent\` does nothing for them: bind an address and port, or add \`accept_proxy: true\``
    )
  ]
}

function accessProblems(one: ServiceConfig, at: Path): Problem[] {
  return one.allow.flatMap((allowed, j) => {
    const denied = one.deny.find((network) => contains(network, allowed))
    if (denied === undefined) return []
    return [
      warningAt(
        [...at, 'allow', j],
        `${formatPrefix(allowed)} lies in ${formatPrefix(denied)} of \`deny\`, which comes first: nobody from there is let in. Take one of them out`
      )
    ]
  })
}
