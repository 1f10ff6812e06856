import { execFileSync } from 'node:child_process'
import { Keepalived } from '../../test/lab/keepalived.js'
import { Lab, type LabNode } from '../../test/lab/lab.js'
import { ip } from '../../test/lab/namespaces.js'
import { ensurePackages } from '../../test/lab/packages.js'
import { socketOf, Vipd } from '../../test/lab/vipd.js'
import { nowMs, pause, poll } from '../../test/lab/wait.js'
import { memory, used } from '../accounting.js'
import type { Effort, Figure, Measured, OpenScenario, Scenario } from '../model.js'

/** What many instances cost: a master and a backup of vipd, and of keepalived, each pair on a bridge of its own. */

const COUNT = 255
const ADVERT_S = 1
/** Until the bursts of gratuitous ARP are over (garp_master_delay). */
const SETTLE_MS = 10_000

const figures: readonly Figure[] = [
  { key: 'cpu_share', title: 'master, of a core', unit: '%', better: 'lower' },
  { key: 'backup_cpu_share', title: 'backup, of a core', unit: '%', better: 'lower' },
  { key: 'rss_mib', title: 'master, resident', unit: 'MiB', better: 'lower' },
  { key: 'backup_rss_mib', title: 'backup, resident', unit: 'MiB', better: 'lower' },
  { key: 'held', title: 'addresses held', unit: '', better: 'neither' }
]

export const instancesScenario: Scenario = {
  name: 'vrrp-255',
  title: `${COUNT} VRRP instances with adverts each second`,
  what: `A master and a backup with ${COUNT} instances of one address each (version 3, IPv4). keepalived renews no lease: its addresses stay when it dies.`,
  figures,
  targets: ['vipd', 'keepalived'],
  open
}

async function open(effort: Effort): Promise<OpenScenario> {
  const ensured = ensurePackages(['iproute2', 'keepalived'])
  if (!ensured.ok) throw new Error(ensured.reason)
  const [ours, theirs] = [new Lab(), new Lab()]
  const close = async (): Promise<void> => {
    await Promise.all([ours.close(), theirs.close()])
  }
  try {
    await Promise.all([startVipd(ours, 0, 200), startKeepalived(theirs, 0, 200)])
    await Promise.all([ours, theirs].map((lab) => holdsAll(lab.masters[0])))
    await Promise.all([startVipd(ours, 1, 100), startKeepalived(theirs, 1, 100)])
    await pause(SETTLE_MS)
  } catch (error) {
    await close()
    throw error
  }
  const seconds = effort.isQuick ? 2 : 5
  return { close, measure: (target) => measure(target === 'vipd' ? ours : theirs, seconds) }
}

async function measure(lab: Lab, seconds: number): Promise<Measured> {
  const [master, backup] = lab.masters
  const pids = [pidsOf(master), pidsOf(backup)]
  const [from, before] = [nowMs(), pids.map((own) => used(own).cpuS)]
  await pause(seconds * 1000)
  const took = (nowMs() - from) / 1000
  const [shareOfMaster = 0, shareOfBackup = 0] = pids.map(
    (own, index) => ((used(own).cpuS - (before[index] ?? 0)) / took) * 100
  )
  const [rssOfMaster = 0, rssOfBackup = 0] = pids.map((own) => memory(own).rssBytes / 2 ** 20)
  if (held(master) !== COUNT || held(backup) !== 0)
    return { ok: false, problem: `the master holds ${held(master)} addresses, the backup ${held(backup)}` }
  return {
    ok: true,
    figures: {
      cpu_share: shareOfMaster,
      backup_cpu_share: shareOfBackup,
      rss_mib: rssOfMaster,
      backup_rss_mib: rssOfBackup,
      held: COUNT
    }
  }
}

const indexes = Array.from({ length: COUNT }, (_, index) => index + 1)
const vipOf = (index: number): string => `10.32.100.${index}`

async function startVipd(lab: Lab, index: 0 | 1, priority: number): Promise<void> {
  const node = lab.masters[index]
  const vrrp = indexes.map((number) => ({
    name: `VI_${number}`,
    interface: 'bond0',
    virtual_router_id: number,
    version: 3,
    priority,
    advert_int: ADVERT_S,
    virtual_ipaddress: [vipOf(number)]
  }))
  const text = JSON.stringify({ admin: { socket: socketOf(lab, node) }, vrrp }, null, 1)
  await lab.ending(new Vipd(lab, node, text)).start(30_000)
}

async function startKeepalived(lab: Lab, index: 0 | 1, priority: number): Promise<void> {
  const instances = indexes.map(
    (number) => `vrrp_instance VI_${number} {
state BACKUP
interface bond0
virtual_router_id ${number}
version 3
advert_int ${ADVERT_S}
priority ${priority}
virtual_ipaddress {
${vipOf(number)}
}
}`
  )
  const text = ['global_defs {\nrouter_id LVS_1\n}', ...instances, ''].join('\n')
  await lab.ending(new Keepalived(lab, lab.masters[index], text, { quiet: true })).started()
}

/** How many virtual addresses a node has. */
function held(node: LabNode): number {
  const shown = ip(['-n', node.namespace, '-o', '-4', 'address', 'show', 'dev', 'bond0'])
  return shown.split('\n').filter((line) => line.includes(' 10.32.100.')).length
}

async function holdsAll(node: LabNode): Promise<void> {
  await poll(() => held(node) === COUNT, 60_000, `${COUNT} addresses on ${node.namespace}`, 500)
}

function pidsOf(node: LabNode): number[] {
  const shown = execFileSync('ip', ['netns', 'pids', node.namespace], { encoding: 'utf8', timeout: 10_000 })
  return shown.split('\n').filter(Boolean).map(Number)
}
