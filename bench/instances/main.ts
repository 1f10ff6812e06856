import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Keepalived } from '../../test/lab/keepalived.js'
import { Lab, type LabNode } from '../../test/lab/lab.js'
import { ip } from '../../test/lab/namespaces.js'
import { ensurePackages } from '../../test/lab/packages.js'
import { socketOf, Vipd } from '../../test/lab/vipd.js'
import { pause, poll } from '../../test/lab/wait.js'
import { ready, table } from '../report/table.js'

/** What many instances cost: a pair of vipd and a pair of keepalived, each on a bridge of its own, at the same time. */

/** Milliseconds of one tick of /proc/PID/stat. */
const TICK_MS = 10

interface Usage {
  readonly cpuMs: number
  readonly rssKib: number
}

interface Measured {
  readonly who: string
  readonly role: string
  readonly node: LabNode
}

process.exitCode = await main()

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      instances: { type: 'string', default: '255' },
      seconds: { type: 'string', default: '60' },
      advert: { type: 'string', default: '1' }
    }
  })
  if (!ready(ensurePackages(['iproute2', 'keepalived']))) return 1
  const [count, seconds, advertS] = [Number(values.instances), Number(values.seconds), Number(values.advert)]
  const [ours, theirs] = [new Lab(), new Lab()]
  try {
    const [o1, o2] = ours.masters
    const [t1, t2] = theirs.masters
    const start = async (node: LabNode, priority: number): Promise<void> => {
      const text = vipdText(ours, node, { count, priority, advertS })
      await ours.ending(new Vipd(ours, node, text)).start(30_000)
    }
    const startTheirs = (node: LabNode, priority: number): Promise<void> => {
      const text = keepalivedText({ count, priority, advertS })
      return theirs.ending(new Keepalived(theirs, node, text, { quiet: true })).started()
    }
    await Promise.all([start(o1, 200), startTheirs(t1, 200)])
    await Promise.all([o1, t1].map((node) => holdsAll(node, count)))
    await Promise.all([start(o2, 100), startTheirs(t2, 100)])
    // The bursts of gratuitous ARP are over after garp_master_delay.
    await pause(10_000)
    const measured: readonly Measured[] = [
      { who: 'vipd', role: 'master', node: o1 },
      { who: 'vipd', role: 'backup', node: o2 },
      { who: 'keepalived', role: 'master', node: t1 },
      { who: 'keepalived', role: 'backup', node: t2 }
    ]
    const before = measured.map(({ node }) => usage(node))
    await pause(seconds * 1000)
    const after = measured.map(({ node }) => usage(node))
    const rows = measured.map(({ who, role, node }, index) => {
      const cpuS = ((after[index]?.cpuMs ?? 0) - (before[index]?.cpuMs ?? 0)) / 1000
      const rss = ((after[index]?.rssKib ?? 0) / 1024).toFixed(1)
      return [
        who,
        role,
        `${cpuS.toFixed(2)} s`,
        `${((cpuS / seconds) * 100).toFixed(2)} %`,
        `${rss} MiB`,
        String(held(node))
      ]
    })
    console.log(`${count} instances, adverts each ${advertS} s, ${seconds} s:\n`)
    console.log(table(['daemon', 'role', 'CPU time', 'of a core', 'RSS', 'addresses at the end'], rows))
    const isSteady = held(o1) === count && held(o2) === 0
    if (!isSteady) console.log('FAILED: the master of vipd does not hold every address, or its backup holds some')
    return isSteady ? 0 : 1
  } finally {
    await Promise.all([ours.close(), theirs.close()])
  }
}

interface Settings {
  readonly count: number
  readonly priority: number
  readonly advertS: number
}

function vipOf(index: number): string {
  return `10.32.${100 + (index >> 8)}.${index & 0xff}`
}

function indexes(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}

function vipdText(lab: Lab, node: LabNode, { count, priority, advertS }: Settings): string {
  const vrrp = indexes(count).map((index) => ({
    name: `VI_${index}`,
    interface: 'bond0',
    virtual_router_id: index,
    version: 3,
    priority,
    advert_int: advertS,
    virtual_ipaddress: [vipOf(index)]
  }))
  return JSON.stringify({ admin: { socket: socketOf(lab, node) }, vrrp }, null, 1)
}

function keepalivedText({ count, priority, advertS }: Settings): string {
  const instances = indexes(count).map(
    (index) => `vrrp_instance VI_${index} {
state BACKUP
interface bond0
virtual_router_id ${index}
version 3
advert_int ${advertS}
priority ${priority}
virtual_ipaddress {
${vipOf(index)}
}
}`
  )
  return ['global_defs {\nrouter_id LVS_1\n}', ...instances, ''].join('\n')
}

/** How many virtual addresses a node has. */
function held(node: LabNode): number {
  const shown = ip(['-n', node.namespace, '-o', '-4', 'address', 'show', 'dev', 'bond0'])
  return shown.split('\n').filter((line) => / 10\.32\.10\d\./.test(line)).length
}

async function holdsAll(node: LabNode, count: number): Promise<void> {
  await poll(() => held(node) === count, 60_000, `${count} addresses on ${node.namespace}`, 500)
}

/** Of all programs in a node's namespace. */
function usage(node: LabNode): Usage {
  const pids = execFileSync('ip', ['netns', 'pids', node.namespace], { encoding: 'utf8' }).split('\n').filter(Boolean)
  const all = pids.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    // Fields 14 and 15 of proc(5), the third being the first after the name.
    return { cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS, rssKib: Number(rss ?? 0) }
  })
  return {
    cpuMs: all.reduce((sum, one) => sum + one.cpuMs, 0),
    rssKib: all.reduce((sum, one) => sum + one.rssKib, 0)
  }
}
