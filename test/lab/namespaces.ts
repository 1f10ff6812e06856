import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Network namespaces named after the run that made them, so that leftovers of dead runs can be told from living ones. */

const PREFIX = 'vipd'
const OURS = /^vipd-(\d+)-/

export interface Port {
  readonly namespace: string
  readonly interface: string
  /** With prefix length. */
  readonly address: string
  /** A second one, and which MAC the interface is to have. */
  readonly address6?: string
  readonly mac?: string
  /** Another interface on the same bridge, with its IPv6 address. */
  readonly second?: { readonly interface: string; readonly address6: string; readonly mac: string }
}

/** The name of one of this run's namespaces. */
export function namespaceName(label: string): string {
  return `${PREFIX}-${process.pid}-${label}`
}

/** One bridge in a namespace of its own, and a namespace with one interface on it for each port. Nothing appears in the host's namespace. */
export function makeBridge(bridge: string, ports: readonly Port[]): void {
  ip(['netns', 'add', bridge])
  for (const port of ports) ip(['netns', 'add', port.namespace])
  for (const port of ports.filter((one) => one.address6 !== undefined)) withoutDad(port.namespace)
  const lines = ['link set lo up', 'link add br0 type bridge mcast_snooping 0 stp_state 0', 'link set br0 up']
  for (const [index, port] of ports.entries()) {
    const mac = port.mac === undefined ? '' : `address ${port.mac} `
    lines.push(`link add port${index} type veth peer name ${port.interface} ${mac}netns ${port.namespace}`)
    lines.push(`link set port${index} master br0 up`)
    if (port.second === undefined) continue
    const { interface: name, mac: secondMac } = port.second
    lines.push(`link add side${index} type veth peer name ${name} address ${secondMac} netns ${port.namespace}`)
    lines.push(`link set side${index} master br0 up`)
  }
  batch(bridge, lines)
  for (const port of ports) {
    const { second } = port
    batch(port.namespace, [
      'link set lo up',
      `address add ${port.address} dev ${port.interface}`,
      ...(port.address6 === undefined ? [] : [`address add ${port.address6} dev ${port.interface}`]),
      `link set ${port.interface} up`,
      ...(second === undefined ? [] : [`address add ${second.address6} dev ${second.interface}`]),
      ...(second === undefined ? [] : [`link set ${second.interface} up`])
    ])
  }
}

/**
 * Kills whatever still runs in these namespaces and removes them. Synchronous, and never throws. Each `ip` is in a
 * session of its own, which a terminal's Ctrl-C does not reach.
 */
export function removeNamespaces(names: readonly string[]): void {
  for (const name of names) {
    if (!existsSync(`/run/netns/${name}`)) continue
    for (const pid of pidsIn(name)) kill(pid)
    spawnSync('setsid', ['--wait', 'ip', 'netns', 'del', name], { stdio: 'ignore' })
  }
}

/** Removes what runs that were killed left behind: namespaces, the programs in them, and their folders. */
export function sweepDeadRuns(): void {
  const dead = (name: string): boolean => {
    const pid = Number(OURS.exec(name)?.[1] ?? 0)
    return pid > 0 && !existsSync(`/proc/${pid}`)
  }
  const namespaces = existsSync('/run/netns') ? readdirSync('/run/netns') : []
  removeNamespaces(namespaces.filter(dead))
  for (const folder of readdirSync(tmpdir()).filter(dead))
    rmSync(join(tmpdir(), folder), { recursive: true, force: true })
}

/** Runs `ip` and returns what it printed; throws with its message. */
export function ip(args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 10_000 })
}

/** IPv6 addresses are there at once, and each interface answers for its own IPv4 addresses alone. For interfaces to come. */
function withoutDad(namespace: string): void {
  const conf = '/proc/sys/net/ipv6/conf'
  const set = `echo 0 > ${conf}/default/accept_dad && echo 0 > ${conf}/all/accept_dad && echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore`
  execFileSync('ip', ['netns', 'exec', namespace, 'sh', '-c', set], { timeout: 10_000 })
}

function batch(namespace: string, lines: readonly string[]): void {
  execFileSync('ip', ['-n', namespace, '-batch', '-'], {
    input: `${lines.join('\n')}\n`,
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: 10_000
  })
}

function pidsIn(name: string): number[] {
  const argv = ['--wait', 'ip', 'netns', 'pids', name]
  const { stdout } = spawnSync('setsid', argv, { encoding: 'utf8', timeout: 10_000 })
  return stdout.split('\n').filter(Boolean).map(Number)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself meanwhile.
  }
}
