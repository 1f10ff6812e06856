import { hostname } from 'node:os'
import type { Clock } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import { History } from '../base/history.js'
import type { Log } from '../base/log.js'
import type { Config, VrrpConfig } from '../config/schema.js'
import type { Probes } from '../health/probes.js'
import { Notifier } from '../notify/notifier.js'
import type { Addon, NativeAdvertSender, NativeProber } from '../os/addon.js'
import { run, splitCommand } from '../os/exec.js'
import { sendMail } from '../os/mail.js'
import { Netlink } from '../os/netlink.js'
import type { NativeDataPlane } from '../os/plane.js'
import { openVrrpSocket } from '../os/raw-ip.js'
import { VIPD_PROTOCOL } from '../os/rtnetlink.js'
import { programProblem } from '../os/safe-program.js'
import type { InheritedSockets } from '../proxy/listeners.js'
import { ArpHub } from './arp-hub.js'
import { Away } from './away.js'
import { Election, virtualAddresses } from './election.js'
import { Farewell } from './farewell.js'
import { Forwarding } from './forwarding.js'
import { inheritedOf } from './inherited.js'
import { Narrator } from './narrator.js'
import { makeProxy } from './proxy-parts.js'
import { Pulse } from './pulse.js'
import { ScriptUsers } from './script-users.js'
import type { Services } from './services.js'
import { type Serving, servingFor } from './serving.js'
import type { Legacy } from './taking.js'
import { makeTrackers } from './track-makers.js'
import type { Trackers } from './trackers.js'

export interface Ports {
  readonly addon: Addon
  readonly clock: Clock
  readonly log: Log
  /** These virtual addresses are held now, and the link has been told. */
  readonly onHeld: (addresses: readonly string[]) => void
}

/** Everything that a configuration stands for, made and introduced to each other. */
export interface Parts {
  readonly netlink: Netlink
  readonly election: Election
  readonly trackers: Trackers
  readonly away: Away
  readonly notifier: Notifier
  readonly history: History
  readonly users: ScriptUsers
  readonly narrator: Narrator
  readonly services: Services
  readonly plane: NativeDataPlane
  /** What the service manager handed over, to this process or to one before it. */
  readonly inherited: InheritedSockets
  readonly prober: NativeProber
  readonly probes: Probes
  /** null: the main loop sends adverts itself. */
  readonly sender: NativeAdvertSender | null
  readonly threads: number
  /** Sessions at once over all services that the data plane was made for. */
  readonly planned: number
  /** Shortages of this host, as sentences. */
  readonly shortages: readonly string[]
  /** The data plane's workers go round. */
  isPlaneAlive(): boolean
  /** Looks after the data plane, and after what no event tells of; call it every PULSE_PERIOD_MS. */
  pulse(): void
  /** Reads the kernel's switches again that no event tells of. */
  look(interfaces: readonly string[]): Promise<void>
}

/** Makes the real objects. Nothing is started. @param legacy what the process before this one had */
export function build(config: Config, { addon, clock, log, onHeld }: Ports, legacy?: Legacy): Parts {
  const estate = legacy?.estate
  const today = (): Date => new Date()
  const history = new History()
  const forwarding = new Forwarding()
  const users = new ScriptUsers(log)
  const netlink = new Netlink(
    addon,
    () => election.refresh(),
    (error) => log.error({ error: messageOf(error) }, 'netlink cannot be read')
  )
  const inherited = inheritedOf(config, legacy)
  const { plane, prober, probes, services, capacity } = makeProxy(
    config,
    { addon, clock, log, users, history, today, inherited },
    () => election.refresh()
  )
  const user = () => users.scripts
  const notifier = new Notifier(
    { global: config.global, node: hostname() },
    { clock, log, run, split: splitCommand, problemOf: programProblem, user, sendMail }
  )
  const narrator = new Narrator({ notifier, history, log, today })
  const trackers = makeTrackers({ clock, log, netlink, users, onChange: () => election.refresh() })
  const pulse = new Pulse()
  let isAlive = true

  const away = new Away(clock, () => election.refresh())
  const servingOf = (instance: VrrpConfig): Serving => {
    const serving = servingFor(virtualAddresses({ vrrp: [instance] }), services, { isAlive, isOwnAddress })
    return away.has(instance.name) ? { ...serving, tier: 'away' } : serving
  }
  const isOwnAddress = (host: string): boolean =>
    [...netlink.addresses()].some((one) => one.prefix.address === host && one.protocol !== VIPD_PROTOCOL)
  const sender = config.vrrp.length === 0 ? null : openSender(addon, config.global.realTimePriority, log)
  const farewell = new Farewell({ plane, clock, log })
  const election = new Election({
    clock,
    log,
    netlink,
    trackers,
    sender,
    today,
    servingOf,
    open: (place, handlers) => openVrrpSocket(addon, place, handlers),
    openArp: new ArpHub(addon).open,
    sendFrame: (index, frame) => addon.sendFrame(index, Buffer.from(frame)),
    isRouter: forwarding.isRouter,
    nowUtcMs: () => Date.now(),
    onTransition: (instance, transition) => {
      farewell.onTransition(instance, transition)
      narrator.onTransition(instance, transition)
    },
    onPriority: narrator.onPriority,
    onGroup: narrator.onGroup,
    onCondition: narrator.onCondition,
    onHeld,
    beforeGone: (addresses) => farewell.tell(addresses)
  })

  if (estate !== undefined) {
    services.inherit(estate.services)
    election.resume(estate.masters)
    for (const { name, forMs } of estate.away ?? []) away.send([name], forMs)
  }
  services.configure(config)
  return {
    netlink,
    election,
    away,
    trackers,
    notifier,
    history,
    users,
    narrator,
    services,
    plane,
    inherited,
    prober,
    probes,
    sender,
    threads: capacity.threads,
    planned: capacity.wanted,
    shortages: capacity.shortage === undefined ? [] : [capacity.shortage],
    isPlaneAlive: () => isAlive,
    pulse() {
      const was = isAlive
      const counters = plane.counters()
      isAlive = pulse.look(counters.heartbeats)
      services.look(counters)
      if (was !== isAlive && isAlive) log.info({}, 'data plane moves again')
      if (was !== isAlive && !isAlive) log.error({}, 'data plane stands still')
      if (was !== isAlive || election.needsLook) election.refresh()
    },
    async look(interfaces) {
      const links = interfaces.map((name) => netlink.link(name)).filter((link) => link !== undefined)
      await forwarding.read(links)
    }
  }
}

function openSender(
  addon: Pick<Addon, 'AdvertSender'>,
  realTimePriority: number,
  log: Pick<Log, 'warn'>
): NativeAdvertSender | null {
  try {
    return new addon.AdvertSender({ realTimePriority })
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'no thread for adverts: the main loop sends them')
    return null
  }
}
