import { familyOf, formatHostPort } from '../base/ip.js'
import { familyName, isNoHost } from './address-kinds.js'
import { duplicates, errorAt, type Path, type Problem, warningAt } from './problem.js'
import type { Config } from './schema.js'

const at = (...rest: Path): Path => ['peers', ...rest]

/** The channel between the nodes: one key, addresses that stay where they are. */
export function peerProblems({ peers, admin }: Config, virtual: ReadonlyMap<string, string>): Problem[] {
  if (peers === null) return []
  const { listen, key, nodes } = peers
  const problems: Problem[] = []
  const places = [key.file, key.credential].filter((one) => one !== null).length
  if (places !== 1) {
    const what = places === 0 ? 'comes from nowhere' : 'comes from two places'
    problems.push(
      errorAt(
        at(),
        `the common key ${what}: give it either \`key_file\` or \`key_credential\` (it never stands in here)`
      )
    )
  }
  if (isNoHost(listen.host)) {
    const why = 'is no address that a host can have: the others know this node by it, so name the one it keeps'
    problems.push(errorAt(at('listen'), `${listen.host} ${why}`))
  }
  if (admin.listen !== undefined && formatHostPort(admin.listen) === formatHostPort(listen)) {
    problems.push(
      errorAt(at('listen'), `${formatHostPort(listen)} is \`admin.listen\` already: give it another port, like 8405`)
    )
  }
  for (const [path, { host }] of [
    [at('listen'), listen] as const,
    ...nodes.map((one) => [at('nodes'), one] as const)
  ]) {
    const holder = virtual.get(host)
    if (holder === undefined) continue
    const why = 'moves between the nodes: name the address that the node keeps'
    problems.push(errorAt(path, `${host} is a virtual address of ${holder} and ${why}`))
  }
  for (const { host } of nodes) {
    if (familyOf(host) === familyOf(listen.host)) continue
    const own = familyName(familyOf(listen.host) ?? 4)
    problems.push(
      errorAt(at('nodes'), `${host} cannot be reached from ${listen.host}, which is ${own}: use one family`)
    )
  }
  if (nodes.length === 0) {
    problems.push(warningAt(at('nodes'), 'this node alone is named: there is nobody to tell anything'))
  }
  return [
    ...problems,
    ...duplicates(
      nodes,
      formatHostPort,
      () => at('nodes'),
      (one) => `${formatHostPort(one)} stands there twice`
    )
  ]
}
