import type { Clock } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import type { Log } from '../base/log.js'
import type { CheckConfig, Config } from '../config/schema.js'
import { tcpProbe } from '../health/tcp.js'
import type { Addon, NativeDataPlane, NativeProber } from '../os/addon.js'
import { Netlink } from '../os/netlink.js'
import { openVrrpSocket } from '../os/raw-ip.js'
import { Service } from '../proxy/service.js'
import { Instance } from '../vrrp/instance.js'
import { Wire } from '../vrrp/wire.js'
import { capacityFor } from './host.js'
import { Interface } from './interfaces.js'
import { Pulse } from './pulse.js'

export interface Ports {
  readonly addon: Addon
  readonly clock: Clock
  readonly log: Log
}

/** Everything that a configuration stands for, made and introduced to each other. */
export interface Parts {
  readonly netlink: Netlink
  readonly interfaces: readonly Interface[]
  readonly instances: readonly Instance[]
  readonly services: readonly Service[]
  readonly plane: NativeDataPlane
  readonly prober: NativeProber
  readonly threads: number
  /** Shortages of this host, as sentences. */
  readonly shortages: readonly string[]
  /** The data plane's workers go round. */
  isPlaneAlive(): boolean
  /** From now on the instances take part, and are told what their fitness hangs on whenever it changes. */
  begin(): void
  /** Looks after the data plane, and after sockets that could not be opened; call it every PULSE_PERIOD_MS. */
  pulse(): void
}

/** Makes the real objects. Nothing is started. */
export function build(config: Config, { addon, clock, log }: Ports): Parts {
  const today = (): Date => new Date()
  const netlink = new Netlink(
    addon,
    () => refresh(),
    (error) => log.error({ error: messageOf(error) }, 'netlink cannot be read')
  )
  const { threads, fits, pipes, shortage } = capacityFor(config, addon)
  const plane = new addon.DataPlane({ threads, mode: 'hybrid', maxconn: Math.max(1, fits), pipes }, (event) =>
    services[event.service]?.onEvent(event)
  )
  const prober = new addon.Prober()
  const probe = (check: CheckConfig) => tcpProbe(prober, check.host, check.port)
  const services: Service[] = config.proxy.map((service, id) => {
    // All of them together are held to what fits by the data plane; a small service is not made smaller for a big one.
    const maxconn = Math.min(service.maxconn, Math.max(1, fits))
    return new Service(id, service, maxconn, {
      clock,
      log,
      plane,
      probe,
      random: Math.random,
      today,
      onChange: () => refresh()
    })
  })
  const virtual = virtualAddresses(config)
  const open: ConstructorParameters<typeof Wire>[0]['open'] = (place, handlers) =>
    openVrrpSocket(addon, place, handlers)
  const interfaces = [...new Set(config.vrrp.map((one) => one.interface))].map((name) => {
    const wire = new Wire({ clock, log: log.child({ interface: name }), open })
    return new Interface(name, wire, netlink, virtual)
  })
  const sendFrame = (index: number, frame: Uint8Array): void => addon.sendFrame(index, Buffer.from(frame))
  const members = config.vrrp.flatMap((instance) => {
    const at = interfaces.find((one) => one.name === instance.interface)
    if (at === undefined) return []
    const ports = { clock, log, wire: at.wire, kernel: netlink, sendFrame, today }
    return [
      { at, instance: new Instance(instance, ports), serving: services.filter((_, id) => serves(config, id, instance)) }
    ]
  })
  const pulse = new Pulse()
  let isAlive = true
  let hasBegun = false

  /** The cross wires: an instance whose services cannot be served is no master. proxy and vrrp never hear of each other. */
  function refresh(): void {
    if (!hasBegun) return
    for (const at of interfaces) {
      const kernel = at.look()
      for (const member of members.filter((one) => one.at === at)) {
        const outside = member.serving.map((service) => service.fault).filter((fault) => fault !== undefined)
        if (!isAlive && services.length > 0) outside.push('the data plane stands still')
        member.instance.update({ ...kernel, outside })
      }
      at.settle()
    }
  }

  return {
    netlink,
    interfaces,
    instances: members.map((one) => one.instance),
    services,
    plane,
    prober,
    threads,
    shortages: shortage === undefined ? [] : [shortage],
    isPlaneAlive: () => isAlive,
    begin() {
      hasBegun = true
      refresh()
    },
    pulse() {
      const was = isAlive
      isAlive = pulse.look(plane.counters().heartbeats)
      if (was !== isAlive && isAlive) log.info({}, 'data plane moves again')
      if (was !== isAlive && !isAlive) log.error({}, 'data plane stands still')
      if (was !== isAlive || interfaces.some((at) => at.isDeaf)) refresh()
    }
  }
}

/** Every address that the instances hold between them. */
export const virtualAddresses = (config: Config): ReadonlySet<string> =>
  new Set(config.vrrp.flatMap((one) => one.virtualIpaddress.map((prefix) => prefix.address)))

/** Whether a service is what clients of the instance's addresses reach: it listens on one of them, or on the wildcard. */
function serves(config: Config, id: number, instance: Config['vrrp'][number]): boolean {
  const hosts = config.proxy[id]?.bind.map((bind) => bind.host) ?? []
  return hosts.some((host) => host === '0.0.0.0' || instance.virtualIpaddress.some((prefix) => prefix.address === host))
}
