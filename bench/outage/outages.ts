import { ensurePackages } from '../../test/lab/packages.js'
import { nowMs, pause } from '../../test/lab/wait.js'
import type { Effort, Figure, Measured, OpenScenario, Scenario } from '../model.js'
import { EVERY_MS, type Kind, PAIR, SCRIPTED, Site } from './site.js'

/** What a client sees of a fault, beside the pair on the same configuration. */

/** A proxy that nobody looks after stays dead: the wait for it has an end. */
const NEVER_MS = 35_000

const figures: readonly Figure[] = [
  { key: 'outage_ms', title: 'time without an answer', unit: 'ms', better: 'lower' },
  { key: 'errors', title: 'questions that failed', unit: '', better: 'lower' }
]

interface Fault {
  readonly name: string
  readonly title: string
  readonly what: string
  readonly targets: readonly Kind[]
  readonly rounds: number
  inject(site: Site): void
  /** Puts it back, after the measurement. */
  mend(site: Site): Promise<void>
  /** What is waited for, in milliseconds after the fault. */
  readonly waitMs: number
}

/** Longer than this is counted as this: the clients' ARP entries decide then how long it lasts. */
const LONG_MS = 15_000
const capped = `What lasts longer than ${LONG_MS / 1000} s is counted as that.`
const asked = `A client asks through the VIP every ${EVERY_MS} ms, each time on a new connection; the seed's configuration; adverts each second, and the fault comes half a second after one.`

async function restart(site: Site): Promise<void> {
  await site.first.stop()
  await site.first.start()
}

const faults: readonly Fault[] = [
  {
    name: 'outage-kill9',
    title: 'Outage: kill -9 of everything on the master',
    what: `vipd, or keepalived (parent and child in one moment) and haproxy, are killed on the master. ${capped} ${asked}`,
    targets: ['vipd', PAIR],
    rounds: 7,
    inject: (site) => site.first.signal('SIGKILL'),
    mend: restart,
    waitMs: LONG_MS
  },
  {
    name: 'outage-sigterm',
    title: 'Outage: an orderly stop of the master',
    what: `SIGTERM to vipd, or to keepalived and haproxy. ${asked}`,
    targets: ['vipd', PAIR],
    rounds: 7,
    inject: (site) => site.first.signal('SIGTERM'),
    mend: restart,
    waitMs: 3000
  },
  {
    name: 'outage-linkdown',
    title: 'Outage: the master’s link goes down',
    what: `The cable of the master is pulled; its server is out of reach too. ${capped} ${asked}`,
    targets: ['vipd', PAIR],
    rounds: 7,
    inject: (site) => site.lab.unplug(site.lab.masters[0]),
    mend: (site) => Promise.resolve(site.lab.plug(site.lab.masters[0])),
    waitMs: LONG_MS
  },
  {
    name: 'outage-sigstop',
    title: 'Outage: everything on the master freezes',
    what: `SIGSTOP to vipd, or to keepalived and haproxy. ${capped} ${asked}`,
    targets: ['vipd', PAIR],
    rounds: 7,
    inject: (site) => site.first.signal('SIGSTOP'),
    mend: (site) => Promise.resolve(site.first.signal('SIGCONT')),
    waitMs: LONG_MS
  },
  {
    name: 'outage-proxy-killed',
    title: 'Outage: the proxy is killed',
    what: `kill -9 of haproxy, with the seed's keepalived.conf (which does not look whether there is one) and with a vrrp_script that looks every 2 s; of vipd itself, since the proxy is a part of it. Nothing starts it again. What lasts longer than ${NEVER_MS / 1000} s is counted as that, thrice: it would last for ever. ${asked}`,
    targets: ['vipd', PAIR, SCRIPTED],
    rounds: 3,
    inject: (site) => site.first.killProxy(),
    mend: restart,
    waitMs: NEVER_MS
  }
]

export const outageScenarios: readonly Scenario[] = faults.map((fault) => ({
  name: fault.name,
  title: fault.title,
  what: fault.what,
  figures,
  targets: fault.targets,
  rounds: (effort: Effort) => Math.min(effort.rounds, fault.rounds),
  open: () => open(fault)
}))

async function open(fault: Fault): Promise<OpenScenario> {
  const ensured = ensurePackages(['iproute2', 'keepalived', 'haproxy', 'tcpdump'])
  const kinds = ensured.ok ? fault.targets : fault.targets.filter((kind) => kind === 'vipd')
  const absent: Record<string, string> = {}
  if (!ensured.ok) for (const kind of fault.targets) if (kind !== 'vipd') absent[kind] = ensured.reason
  const sites = new Map<string, Site>()
  const configurations: Record<string, string> = {}
  const close = async (): Promise<void> => {
    await Promise.all([...sites.values()].map((site) => site.close()))
  }
  try {
    for (const kind of kinds) {
      const site = await Site.open(kind)
      sites.set(kind, site)
      configurations[kind] = site.configuration
    }
  } catch (error) {
    await close()
    throw error
  }
  return {
    configurations,
    absent,
    close,
    measure: async (target) => {
      const site = sites.get(target)
      return site === undefined ? { ok: false, problem: 'it was not started' } : measure(site, fault)
    }
  }
}

async function measure(site: Site, fault: Fault): Promise<Measured> {
  await site.settled()
  await site.betweenAdverts()
  const from = nowMs()
  fault.inject(site)
  await firstOf(fault, site, from)
  const to = nowMs()
  // A gap that began with the fault: from the last answer before it.
  const [outage, errors] = [site.client.longestGap(from - 5 * EVERY_MS, to), site.client.failed(from, to).length]
  await fault.mend(site)
  return { ok: true, figures: { outage_ms: outage, errors } }
}

/** Until it is over: for a second in which the client was answered all the time, but not before anything can have happened. */
async function firstOf(fault: Fault, site: Site, from: number): Promise<void> {
  const end = from + fault.waitMs
  for (;;) {
    await pause(100)
    const now = nowMs()
    if (now >= end) return
    const isOver = now - from > 6000 && site.client.longestGap(now - 1000) < 8 * EVERY_MS
    if (isOver) return
  }
}
