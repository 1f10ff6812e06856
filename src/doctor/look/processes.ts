import type { IncumbentFacts, ListenerFacts } from '../facts.js'
import type { Files } from './files.js'

/** Processes of this network namespace, what they are called and what they listen on. */

export interface ProcessFacts {
  readonly pid: number
  /** At most 15 characters. */
  readonly name: string
}

/** More than these are not looked at. */
const MOST_PROCESSES = 20_000
const MOST_LISTENERS = 1000
const TCP_LISTEN = '0A'

export async function processesOf(files: Files): Promise<ProcessFacts[]> {
  const own = await files.link('proc/self/ns/net')
  const pids = (await files.list('proc')).filter((name) => /^\d+$/.test(name)).slice(0, MOST_PROCESSES)
  const found: ProcessFacts[] = []
  for (const pid of pids) {
    const name = (await files.read(`proc/${pid}/comm`))?.trim()
    if (name === undefined) continue
    // Where it may not be seen it is taken to be ours.
    const namespace = await files.link(`proc/${pid}/ns/net`)
    if (namespace === undefined || own === undefined || namespace === own) found.push({ pid: Number(pid), name })
  }
  return found
}

/** keepalived and haproxy: running, and enabled at boot. */
export async function incumbentsOf(files: Files, processes: readonly ProcessFacts[]): Promise<IncumbentFacts[]> {
  const wanted = await files.list('etc/systemd/system/multi-user.target.wants')
  return (['keepalived', 'haproxy'] as const).map((name) => ({
    name,
    pids: processes.filter((one) => one.name === name).map(({ pid }) => pid),
    isEnabled: wanted.includes(`${name}.service`)
  }))
}

/** Who listens on TCP, but for `ownPid`. */
export async function listenersOf(
  files: Files,
  processes: readonly ProcessFacts[],
  ownPid: number | undefined
): Promise<ListenerFacts[]> {
  const tables = await Promise.all([files.read('proc/self/net/tcp'), files.read('proc/self/net/tcp6')])
  const listening = tables
    .flatMap((table) => (table ?? '').split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[3] === TCP_LISTEN)
    .slice(0, MOST_LISTENERS)
  if (listening.length === 0) return []
  const owners = await socketOwners(files, processes)
  return listening.flatMap(([, local = '', , , , , , , , inode = '']) => {
    const [host = '', port = ''] = local.split(':')
    const owner = owners.get(inode)
    if (owner !== undefined && owner.pid === ownPid) return []
    return [{ host: addressOf(host), port: Number.parseInt(port, 16), program: owner?.name }]
  })
}

/** Inode of a socket → who has it. */
async function socketOwners(files: Files, processes: readonly ProcessFacts[]): Promise<Map<string, ProcessFacts>> {
  const owners = new Map<string, ProcessFacts>()
  for (const one of processes) {
    for (const fd of await files.list(`proc/${one.pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec((await files.link(`proc/${one.pid}/fd/${fd}`)) ?? '')?.[1]
      if (inode !== undefined && !owners.has(inode)) owners.set(inode, one)
    }
  }
  return owners
}

/** As /proc/net/tcp writes it: words of 32 bits, each in the host's (little-endian) order. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => [...Buffer.from(word, 'hex')].reverse())
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.every((byte) => byte === 0)) return '::'
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) * 256 + (bytes[2 * i + 1] ?? 0)).toString(16))
  return words.join(':')
}
