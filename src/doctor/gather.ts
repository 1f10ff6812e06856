import { errnoOf, messageOf, VipdError } from '../base/errors.js'
import type { Config } from '../config/schema.js'
import type { Addon } from '../os/addon.js'
import type { Run } from '../os/exec.js'
import type { Blind, Facts } from './facts.js'
import { listen } from './look/air.js'
import type { Files } from './look/files.js'
import { firewallOf } from './look/firewall.js'
import { kubernetesOf } from './look/kubernetes.js'
import { linksOf } from './look/links.js'
import { networkdOf, networkManagerOf } from './look/managers.js'
import { incumbentsOf, listenersOf, processesOf } from './look/processes.js'
import { askServers } from './look/servers.js'

/** What the doctor needs of the world. */
export interface DoctorPorts {
  readonly addon: Pick<Addon, 'NetlinkEvents' | 'VrrpSocket' | 'ArpSocket' | 'sendFrame' | 'missingCapabilities'>
  readonly files: Files
  readonly run: Run
  /** Wall time in milliseconds. */
  readonly nowMs: () => number
  /** How long the links are listened to. */
  readonly listenMs: number
  /** A daemon that runs here, whose own sockets are no strangers. */
  readonly ownPid: number | undefined
  readonly shortage: string | undefined
}

const SYSCTLS = ['net/core/somaxconn', 'net/ipv4/ip_local_port_range'] as const
const SYSCTLS_OF_LINK = ['rp_filter', 'arp_ignore', 'arp_announce'] as const

/** Looks at this host, in a little more than `listenMs`. What it may not see it names in `blind`. */
export async function gather(config: Config, ports: DoctorPorts): Promise<Facts> {
  const { addon, files, run, nowMs, listenMs, ownPid, shortage } = ports
  const blind: Blind[] = []
  const look = async <T>(what: string, otherwise: T, run: () => Promise<T>): Promise<T> => {
    try {
      return await run()
    } catch (error) {
      // What is no failure of the system is a bug.
      if (errnoOf(error) === '' && !(error instanceof VipdError)) throw error
      blind.push({ what, why: messageOf(error) })
      return otherwise
    }
  }
  const links = await look('interfaces and addresses', [], () => linksOf(addon, files))
  const processes = await processesOf(files)
  const [air, sysctl, listeners, incumbents, networkd, networkManager, firewall, kubernetes, servers] =
    await Promise.all([
      look('adverts and ARP on the links', { heard: [], answers: [] }, () => listen(addon, config, links, listenMs)),
      sysctlsOf(config, files),
      listenersOf(files, processes, ownPid),
      incumbentsOf(files, processes),
      networkdOf(files, processes, links),
      networkManagerOf(files, processes, links),
      firewallOf(run),
      kubernetesOf(files, processes),
      askServers(config, files, nowMs)
    ])
  if (!firewall.ok) blind.push({ what: 'the firewall', why: firewall.why })
  return {
    config,
    nowMs: nowMs(),
    links,
    sysctl,
    missingCapabilities: addon.missingCapabilities(),
    shortage,
    listeners,
    incumbents,
    networkd,
    networkManager,
    firewall: firewall.ok ? firewall.chains : [],
    ...kubernetes,
    servers,
    ...air,
    blind
  }
}

async function sysctlsOf(config: Config, files: Files): Promise<Map<string, string>> {
  const names = ['all', ...new Set(config.vrrp.map((one) => one.interface))]
  const keys = [...SYSCTLS, ...names.flatMap((name) => SYSCTLS_OF_LINK.map((key) => `net/ipv4/conf/${name}/${key}`))]
  const found = new Map<string, string>()
  for (const key of keys) {
    const value = await files.read(`proc/sys/${key}`)
    if (value !== undefined) found.set(key, value.trim())
  }
  return found
}
