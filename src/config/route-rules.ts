import { unknownNameHint } from './hints.js'
import { property } from './issues.js'
import { errorAt, type Path, type Problem } from './problem.js'
import type { Config, ServiceConfig } from './schema.js'
import { knownNames, type Written } from './written.js'

/** Routes by the name in the ClientHello: where they lead, and services that nothing leads to. */
export function routeProblems(config: Config, written: Written): Problem[] {
  const known = knownNames(config.proxy, 'proxy', written)
  return config.proxy.flatMap((one, i) => [
    ...one.sni.flatMap(({ service }, j) => {
      const path: Path = ['proxy', i, 'sni', j, 'service']
      if (!known.has(service) && !written.isPlaceholder(service)) {
        return [errorAt(path, `\`proxy\` has no entry ${service}: ${unknownNameHint(service, known, 'proxy')}`)]
      }
      return service === one.name || leadsTo(service, one.name, config)
        ? [errorAt(path, `${service} leads back to ${one.name}: name a service whose servers are others`)]
        : []
    }),
    ...nameProblems(one, ['proxy', i, 'sni']),
    ...lonelyProblems(config, one, ['proxy', i], written)
  ])
}

/** Whether the routes of one service lead to another, over any number of steps. */
function leadsTo(from: string, to: string, config: Config): boolean {
  const seen = new Set<string>()
  const ahead = [from]
  for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
    if (seen.has(name)) continue
    seen.add(name)
    const next = config.proxy.filter((one) => one.name === name).flatMap(({ sni }) => sni.map(({ service }) => service))
    if (next.includes(to)) return true
    ahead.push(...next)
  }
  return false
}

/** A name leads to one service: the first that has it. */
function nameProblems(one: ServiceConfig, path: Path): Problem[] {
  const firsts = new Map<string, string>()
  return one.sni.flatMap(({ servername, service }, j) =>
    servername.flatMap((name, k) => {
      const first = firsts.get(name)
      firsts.set(name, first ?? service)
      if (first === undefined) return []
      const message = `${name} leads to ${first} already: a name has one service`
      return [errorAt([...path, j, 'servername', k], message)]
    })
  )
}

function lonelyProblems(config: Config, one: ServiceConfig, path: Path, written: Written): Problem[] {
  const routed = config.proxy.flatMap(({ sni }) => sni.map(({ service }) => service))
  const isKnown = routed.length === routesIn(written)
  if (one.bind.length > 0 || routed.includes(one.name) || !isKnown) return []
  const message = `${one.name} listens nowhere and no \`sni\` leads to it: add \`bind: [ ADDRESS:PORT ]\`, or a route in another service`
  return [errorAt([...path, 'bind'], message)]
}

/** Routes in the file, also those that are wrong: one of them may have meant a service that now seems lonely. */
function routesIn(written: Written): number {
  const items = written.top('proxy')
  if (!Array.isArray(items)) return 0
  return items.reduce<number>((sum, item: unknown) => {
    const routes = property(item, 'sni')
    return sum + (Array.isArray(routes) ? routes.length : routes === undefined ? 0 : 1)
  }, 0)
}
