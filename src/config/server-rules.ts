import { formatBind } from '../base/bind.js'
import { familyOf, formatHostPort } from '../base/ip.js'
import { duplicates, errorAt, type Path, type Problem, unique, warningAt } from './problem.js'
import type { ServerConfig, ServiceConfig } from './schema.js'
import { type Written, writtenFor } from './written.js'

/** The servers of a service: told apart, reachable without going through the service itself, and some of them in use. */
export function serverProblems(one: ServiceConfig, index: number, written: Written): Problem[] {
  const at: Path = ['proxy', index]
  return [
    ...duplicates(
      one.servers,
      (server) => server.name,
      (i) => [...at, 'servers', i, 'name'],
      (server) => `another server of ${one.name} is already called ${server.name}: names must differ`
    ),
    ...one.servers.flatMap((server, i) => addressProblems(one, server, [...at, 'servers', i, 'address'])),
    ...unique(
      one.servers.flatMap((server, i) => [
        ...sourceProblems(one, server, sourcePath(at, i, written)),
        ...observeProblems(one, server, writtenFor(written, at, i, 'observe'), written)
      ])
    ),
    ...useProblems(one, at)
  ]
}

function addressProblems(one: ServiceConfig, server: ServerConfig, path: Path): Problem[] {
  const { host } = server.address
  if (host === '0.0.0.0' || host === '::') {
    return [errorAt(path, `${host} is no server: name the address that it listens on`)]
  }
  const text = formatHostPort(server.address)
  if (!one.bind.some((bind) => formatBind(bind) === text)) return []
  return [errorAt(path, `${text} is where ${one.name} itself listens: the proxy would call itself`)]
}

/** Where the address stands that connections to a server come from. */
function sourcePath(at: Path, index: number, written: Written): Path {
  const path = writtenFor(written, at, index, 'source')
  return written.value(path) === undefined ? [...at, 'source'] : path
}

function sourceProblems(one: ServiceConfig, { source, address }: ServerConfig, path: Path): Problem[] {
  const family = source === null ? undefined : familyOf(source)
  if (source !== null && one.isTransparent) {
    const message =
      '`source` and `transparent` exclude each other: connections come from one address, or from the client’s'
    return [errorAt(path, message)]
  }
  if (family !== undefined && family !== address.family) {
    const message = `${source} is IPv${family} and ${address.host} IPv${address.family}: no connection can have both`
    return [errorAt(path, message)]
  }
  const families = new Set(
    one.bind.flatMap((bind) =>
      bind.kind === 'tcp' && !bind.acceptProxy ? (bind.v4v6 ? [4, 6] : [bind.family]) : [4, 6]
    )
  )
  if (!one.isTransparent || families.size === 0 || families.has(address.family)) return []
  const [client] = families
  return [
    errorAt(
      [...path.slice(0, 2), 'transparent'],
      `clients come by IPv${client} and ${address.host} is IPv${address.family}: no connection can have both addresses`
    )
  ]
}

/** That of default_server is for those that are checked. */
function observeProblems(one: ServiceConfig, { check }: ServerConfig, path: Path, written: Written): Problem[] {
  const isShared = path.includes('default_server') && one.servers.some((server) => server.check !== null)
  if (check !== null || isShared || written.value(path) !== 'layer4') return []
  return [errorAt(path, '`observe` brings the next check forward, and there is none: add `check`, or leave it out')]
}

/** What leaves a service without a server that takes connections, or with fewer than it looks like. */
function useProblems(one: ServiceConfig, at: Path): Problem[] {
  if (one.servers.every(({ weight, isDisabled }) => weight === 0 || isDisabled)) {
    const message = `no server of ${one.name} takes connections: each has \`weight: 0\` or is \`disabled\``
    return [warningAt([...at, 'servers'], message)]
  }
  if (one.servers.length < 2 || one.allbackups || !one.servers.every(({ isBackup }) => isBackup)) return []
  const message = `every server of ${one.name} is a \`backup\`, of which only the first has connections: leave it out where it is none, or add \`allbackups: true\``
  return [warningAt([...at, 'servers'], message)]
}
