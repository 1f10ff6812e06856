import { type Bind, clashes } from '../base/bind.js'
import { unknownNameHint } from '../config/hints.js'
import type { Config, ServiceConfig } from '../config/schema.js'
import type { DataPlaneCounters, DataPlaneEvent } from '../os/plane.js'
import type { ServiceEstate } from '../proxy/estate.js'
import type { ServerOrder } from '../proxy/orders.js'
import { Service, type ServicePorts } from '../proxy/service.js'
import type { ServiceStatus } from '../proxy/snapshot.js'

/** What became of an order to a server. */
export type OrderAnswer =
  | { readonly ok: true; readonly status: string; readonly detail: string }
  | { readonly ok: false; readonly error: string }

type ProxyConfig = Pick<Config, 'proxy'>

/** Identities that the data plane knows. */
const IDS = 65_536
/** Services that are gone, for records of sessions that come late. */
const MOST_REMEMBERED = 64

/** Every service of a configuration, put in force in place: those that stay keep sessions, counters and health. */
export class Services {
  readonly #ports: ServicePorts
  /** Sessions at once that the data plane was made for. */
  readonly #fits: number
  #list: readonly Service[] = []
  /** The last that are no longer configured. */
  #gone: readonly Service[] = []
  #nextId = 0
  #isStarted = false
  #estate: readonly ServiceEstate[] = []

  constructor(fits: number, ports: ServicePorts) {
    this.#fits = fits
    this.#ports = ports
  }

  /** What is known of them, for the process that comes after. */
  get estate(): readonly ServiceEstate[] {
    return this.#list.map((service) => service.estate)
  }

  /** What the process before this one knew: services of the first configuration go on with it. Before `configure`. */
  inherit(estate: readonly ServiceEstate[]): void {
    this.#estate = estate
  }

  /** Another process has listeners and sessions. */
  leave(): void {
    for (const service of this.#list) service.leave()
  }

  /** In the order of the configuration. */
  get list(): readonly Service[] {
    return this.#list
  }

  /** Which services do not listen where they should, and why, as sentences. */
  get faults(): readonly string[] {
    return this.#list.flatMap(({ name, fault }) =>
      fault === undefined ? [] : [`proxy ${name}: ${fault}; tried again every second`]
    )
  }

  /**
   * Puts a configuration in force. A service is the same one while its name is, or while nothing but its name changes
   * of where it listens. What listens where another one did comes after it; what nobody takes the place of goes last,
   * when nobody routes to it any more.
   */
  configure({ proxy }: ProxyConfig): void {
    const stays = pair(this.#list, proxy)
    const goes = this.#list.filter((service) => ![...stays.values()].includes(service))
    const before = new Map(this.#list.map((service) => [service, service.config.bind]))
    const binds = proxy.flatMap(({ bind }) => bind)
    const isInTheWay = (service: Service): boolean => isTaken(service.config.bind, binds)
    for (const service of goes.filter(isInTheWay)) this.#dismiss(service)
    const ids = new Map(proxy.map((config) => [config.name, stays.get(config)?.id ?? this.#idOf(config)]))
    const made = new Map<ServiceConfig, Service>()
    for (const config of inOrder(proxy, (one) => [...routedTo(one, proxy), ...inTheWayOf(one, stays)])) {
      const own = stays.get(config)
      const others = [...before].flatMap(([service, binds]) => (service === own ? [] : binds))
      made.set(config, this.#put(own, config, ids, isTaken(config.bind, others)))
    }
    for (const service of goes.filter((one) => !isInTheWay(one))) this.#dismiss(service)
    this.#list = proxy.flatMap((config) => made.get(config) ?? [])
    this.#estate = []
  }

  /** Binds and checks, those first that others route to. */
  start(): void {
    this.#isStarted = true
    const configs = this.#list.map(({ config }) => config)
    for (const { name } of inOrder(configs, (one) => routedTo(one, configs))) this.#find(name)?.start()
  }

  /** Stops checking and accepting. Sessions of services on these addresses are reset, others may end by themselves. */
  stop(virtual: ReadonlySet<string>): void {
    for (const service of this.#list) service.stop(service.listensAt(virtual))
  }

  /** Ends every session that is left; services must have been stopped before. */
  close(): void {
    for (const service of [...this.#list, ...this.#gone]) service.stop(true)
  }

  onEvent(event: DataPlaneEvent): void {
    this.#list.find(({ id }) => id === event.service)?.onEvent(event)
  }

  /** What the data plane has counted; call it several times a second. */
  look(counters: DataPlaneCounters): void {
    for (const service of this.#list) service.look(counters.services.find(({ id }) => id === service.id))
  }

  snapshots(counters: DataPlaneCounters): readonly ServiceStatus[] {
    return this.#list.map((service) => service.snapshot(counters.services.find(({ id }) => id === service.id)))
  }

  /** What the operator asks of a server, by names. */
  order(service: string, server: string, order: ServerOrder): OrderAnswer {
    const found = this.#find(service)
    if (found === undefined) return { ok: false, error: `there is no service ${service}: ${this.#hint(service)}` }
    const verdict = found.order(server, order)
    if (verdict !== undefined) return { ok: true, ...verdict }
    const hint = unknownNameHint(server, new Set(found.serverNames), 'servers')
    return { ok: false, error: `${service} has no server ${server}: ${hint}` }
  }

  /** Names behind the data plane's identities, also of those that were here not long ago. */
  names(service: number, server: number): { readonly service: string; readonly server: string | null } {
    const found = [...this.#list, ...this.#gone].find(({ id }) => id === service)
    return {
      service: found?.name ?? `#${service}`,
      server: found?.serverName(server) ?? (server < 0 ? null : `#${server}`)
    }
  }

  /** The data plane's identities of names; -1 is all. undefined: there is no such service or server. */
  idsOf(service?: string, server?: string): { readonly service: number; readonly server: number } | undefined {
    if (service === undefined) return { service: -1, server: -1 }
    const found = this.#find(service)
    const id = server === undefined ? -1 : found?.serverId(server)
    return found === undefined || id === undefined ? undefined : { service: found.id, server: id }
  }

  #find(name: string): Service | undefined {
    return this.#list.find((service) => service.name === name)
  }

  #hint(name: string): string {
    return unknownNameHint(name, new Set(this.#list.map((service) => service.name)), 'proxy')
  }

  #put(
    own: Service | undefined,
    config: ServiceConfig,
    ids: ReadonlyMap<string, number>,
    isHandover: boolean
  ): Service {
    const routes = config.sni.flatMap(({ servername, service }) => {
      const id = ids.get(service)
      return id === undefined ? [] : servername.map((name) => ({ servername: name, service: id }))
    })
    // All of them together are held to what fits by the data plane; a small service is not made smaller for a big one.
    const place = { maxconn: Math.min(config.maxconn, Math.max(1, this.#fits)), routes, isHandover }
    if (own !== undefined) {
      own.configure(config, place)
      return own
    }
    const estate = this.#estate.find(({ name }) => name === config.name)
    const service = new Service(ids.get(config.name) ?? this.#newId(), config, place, this.#ports, estate)
    if (this.#isStarted) service.start()
    return service
  }

  /** Its listeners close; its sessions go on until they end. */
  #dismiss(service: Service): void {
    service.stop(false)
    this.#gone = [service, ...this.#gone].slice(0, MOST_REMEMBERED)
  }

  #idOf({ name }: ServiceConfig): number {
    return this.#estate.find((one) => one.name === name)?.id ?? this.#newId()
  }

  #newId(): number {
    const used = new Set([...this.#list, ...this.#gone, ...this.#estate].map(({ id }) => id))
    while (used.has(this.#nextId)) this.#nextId = (this.#nextId + 1) % IDS
    const id = this.#nextId
    this.#nextId = (id + 1) % IDS
    return id
  }
}

const isTaken = (binds: readonly Bind[], others: readonly Bind[]): boolean =>
  binds.some((bind) => others.some((other) => clashes(bind, other)))

/** Which configuration is that of which service: the same name; else a new name for a service that listens where an old one did. */
function pair(services: readonly Service[], configs: readonly ServiceConfig[]): Map<ServiceConfig, Service> {
  const named = new Map(services.map((service) => [service.name, service]))
  const pairs = new Map<ServiceConfig, Service>()
  for (const config of configs) {
    const found = named.get(config.name)
    if (found !== undefined) pairs.set(config, found)
    named.delete(config.name)
  }
  for (const config of configs.filter((one) => !pairs.has(one))) {
    const found = [...named.values()].find((service) => isTaken(config.bind, service.config.bind))
    if (found === undefined) continue
    pairs.set(config, found)
    named.delete(found.name)
  }
  return pairs
}

/** In such an order that those which must come first do; where they wait for each other, as they stand. */
function inOrder(
  configs: readonly ServiceConfig[],
  firstOf: (config: ServiceConfig) => readonly ServiceConfig[]
): readonly ServiceConfig[] {
  const ordered = new Set<ServiceConfig>()
  const visited = new Set<ServiceConfig>()
  const visit = (config: ServiceConfig): void => {
    if (visited.has(config)) return
    visited.add(config)
    for (const first of firstOf(config)) visit(first)
    ordered.add(config)
  }
  for (const config of configs) visit(config)
  return [...ordered]
}

/** Those that it routes to. */
const routedTo = (config: ServiceConfig, all: readonly ServiceConfig[]): readonly ServiceConfig[] =>
  all.filter(({ name }) => config.sni.some(({ service }) => service === name))

/** Those that still listen where it is to listen. */
function inTheWayOf(config: ServiceConfig, stays: ReadonlyMap<ServiceConfig, Service>): readonly ServiceConfig[] {
  const isOther = ([one]: readonly [ServiceConfig, Service]): boolean => one !== config
  return [...stays].filter((pair) => isOther(pair) && isTaken(config.bind, pair[1].config.bind)).map(([other]) => other)
}
