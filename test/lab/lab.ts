import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Capture } from './capture.js'
import { Child, type ChildOptions } from './child.js'
import { atExit } from './cleanup.js'
import { Client } from './client.js'
import { ip, makeBridge, namespaceName, removeNamespaces, sweepDeadRuns } from './namespaces.js'
import { OwnerRecorder } from './owners.js'

const run = promisify(execFile)

/** The addresses of the seed's deployment. */
export const vip = '10.32.255.99'
export const vipPort = 8443
const masterAddresses = ['10.32.137.20', '10.32.137.27', '10.32.138.27'] as const
const clientAddress = '10.32.0.10'

export interface LabNode {
  /** m1, m2, m3 or client. */
  readonly name: string
  readonly namespace: string
  readonly address: string
  /** Its own MAC at the beginning. */
  readonly mac: string
}

export interface LabOptions {
  /**
   * IPv6 too: fd00::/64, no duplicate address detection, and MACs (thus link-local addresses) in the order of the
   * nodes. Without it IPv6 is as the kernel has it.
   */
  readonly dualStack?: boolean
  /** The masters have a second interface on the same bridge, bond1, with IPv6 alone. For `dualStack`. */
  readonly secondLink?: boolean
}

/** A node's IPv6 address in a lab that is `dualStack`. */
export const address6Of = (node: Pick<LabNode, 'address'>): string => `fd00::${hostNumber(node.address).toString(16)}`

const hostNumber = (address: string): number =>
  Number(address.split('.').at(-1)) + Number(address.split('.').at(-2)) * 256
const macFor = (address: string, round: number): string => {
  const number = hostNumber(address)
  return [2, 0, 0, round, number >> 8, number & 0xff].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}

let labs = 0

/** Three masters and a client on one bridge, in network namespaces; in each the interface is called bond0. */
export class Lab {
  readonly masters: readonly [LabNode, LabNode, LabNode]
  readonly client: LabNode
  readonly bridge: string
  /** Everything the lab writes: configurations, logs, sockets, captures. Removed at the end. */
  readonly folder: string
  readonly owners = new OwnerRecorder(vip)
  readonly #forget: () => void
  readonly #stops: (() => Promise<unknown>)[] = []
  readonly #options: LabOptions
  readonly #nodeByMac = new Map<string, string>()
  #created = 0
  #certificate: Promise<{ cert: string; key: string }> | undefined

  constructor(options: LabOptions = {}) {
    this.#options = options
    sweepDeadRuns()
    labs += 1
    const named = (label: string): string => namespaceName(`${labs}${label}`)
    this.bridge = named('br')
    this.folder = mkdtempSync(join(tmpdir(), `${named('lab')}-`))
    const names = [...['m1', 'm2', 'm3', 'client'].map(named), this.bridge]
    const undo = (): void => {
      removeNamespaces(names)
      rmSync(this.folder, { recursive: true, force: true })
    }
    this.#forget = atExit(undo)
    const port = (label: string, address: string) => ({
      namespace: named(label),
      interface: 'bond0',
      address: `${address}/16`,
      ...(options.dualStack && { address6: `${address6Of({ address })}/64`, mac: macFor(address, 0) }),
      ...(options.dualStack && options.secondLink && address !== clientAddress && { second: secondLink(address) })
    })
    const [one, two, three] = masterAddresses
    makeBridge(this.bridge, [port('m1', one), port('m2', two), port('m3', three), port('client', clientAddress)])
    const node = (label: string, address: string): LabNode => ({
      name: label,
      namespace: named(label),
      address,
      mac: macOf(named(label))
    })
    this.masters = [node('m1', one), node('m2', two), node('m3', three)]
    this.client = node('client', clientAddress)
    for (const one of [...this.masters, this.client]) this.#learnMacs(one)
  }

  /** Whose interface has this MAC, or had it; the MAC itself where nobody's has. */
  nodeOfMac(mac: string): string {
    return this.#nodeByMac.get(mac) ?? mac
  }

  /** Runs a program in a node's namespace to its end. Rejects when it fails. */
  async run(node: LabNode, argv: readonly string[], deadlineMs = 10_000): Promise<string> {
    const { stdout } = await run('ip', ['netns', 'exec', node.namespace, ...argv], { timeout: deadlineMs })
    return stdout
  }

  /** Starts a program in a node's namespace. */
  start(node: LabNode, argv: readonly string[], options: ChildOptions = {}): Child {
    return this.ending(new Child(['ip', 'netns', 'exec', node.namespace, ...argv], options))
  }

  /** Has `stop` called when the lab closes; last in, first out. */
  ending<Part extends { stop(): Promise<unknown> }>(part: Part): Part {
    this.#stops.push(() => part.stop())
    return part
  }

  /** A TLS server on the node's address, port 6443, that answers with the node's name. */
  async startApiserver(node: LabNode): Promise<Child> {
    this.#certificate ??= this.#makeCertificate()
    const { cert, key } = await this.#certificate
    const script = fileURLToPath(new URL('apiserver.js', import.meta.url))
    const server = this.start(node, [process.execPath, script, node.name, node.address, '6443', cert, key])
    await server.line(/listening/, 10_000)
    return server
  }

  /** A client that keeps asking. @param everyMs between requests */
  startClient(everyMs = 20, host = vip, port = vipPort): Client {
    const script = fileURLToPath(new URL('prober.js', import.meta.url))
    const argv = [process.execPath, script, host, String(port), String(everyMs), '1000']
    return this.ending(new Client(['ip', 'netns', 'exec', this.client.namespace, ...argv]))
  }

  /** Writes down what crosses the bridge (or one node's interface). */
  async capture(filter: string, name = 'wire', node?: LabNode): Promise<Capture> {
    const file = join(this.folder, `${name}.pcap`)
    const capture = this.ending(
      new Capture(node?.namespace ?? this.bridge, node === undefined ? 'br0' : 'bond0', file, filter)
    )
    await capture.started()
    return capture
  }

  /** Pulls the node's cable out: its interface loses its carrier, the far end is dead. */
  unplug(node: LabNode): void {
    ip(['-n', this.bridge, 'link', 'set', this.#port(node), 'down'])
  }

  plug(node: LabNode): void {
    ip(['-n', this.bridge, 'link', 'set', this.#port(node), 'up'])
  }

  /** Deletes the node's interface, as a driver does that goes away. */
  removeInterface(node: LabNode): void {
    ip(['-n', node.namespace, 'link', 'del', 'bond0'])
  }

  /** Creates it again: another index, another MAC, the same name and address. */
  createInterface(node: LabNode): void {
    this.#created += 1
    const mac = this.#options.dualStack ? ['address', macFor(node.address, this.#created)] : []
    const peer = ['type', 'veth', 'peer', 'name', 'bond0', ...mac, 'netns', node.namespace]
    ip(['-n', this.bridge, 'link', 'add', this.#port(node), ...peer])
    ip(['-n', this.bridge, 'link', 'set', this.#port(node), 'master', 'br0', 'up'])
    this.#learnMacs(node)
    ip(['-n', node.namespace, 'address', 'add', `${node.address}/16`, 'dev', 'bond0'])
    if (this.#options.dualStack)
      ip(['-n', node.namespace, 'address', 'add', `${address6Of(node)}/64`, 'dev', 'bond0', 'nodad'])
    ip(['-n', node.namespace, 'link', 'set', 'bond0', 'up'])
  }

  /** Parts these nodes from each other, or joins them again; their links stay up, and everybody else still hears them. */
  part(nodes: readonly LabNode[], apart: boolean): void {
    for (const node of nodes) {
      const isolated = ['type', 'bridge_slave', 'isolated', apart ? 'on' : 'off']
      ip(['-n', this.bridge, 'link', 'set', this.#port(node), ...isolated])
      if (this.#options.secondLink)
        ip(['-n', this.bridge, 'link', 'set', this.#port(node).replace('port', 'side'), ...isolated])
    }
  }

  /** Does the node's interface have the VIP, asked of the kernel now? */
  hasVip(node: LabNode): boolean {
    return ip(['-n', node.namespace, '-o', '-4', 'address', 'show', 'dev', 'bond0']).includes(` ${vip}/`)
  }

  /** Watches who holds the VIP; see `owners`. */
  async watchOwners(): Promise<void> {
    await this.owners.start(this.masters)
    this.ending(this.owners)
  }

  /** Ends everything that was started in it and removes it. */
  async close(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop().catch(() => undefined)
    removeNamespaces([...this.masters, this.client].map((node) => node.namespace).concat(this.bridge))
    if (process.env['VIPD_LAB_KEEP'] === undefined) rmSync(this.folder, { recursive: true, force: true })
    this.#forget()
  }

  #port(node: LabNode): string {
    return `port${[...this.masters, this.client].indexOf(node)}`
  }

  #learnMacs(node: LabNode): void {
    const links = JSON.parse(ip(['-n', node.namespace, '-j', 'link', 'show'])) as { ifname: string; address: string }[]
    for (const link of links) if (link.ifname !== 'lo') this.#nodeByMac.set(link.address, node.name)
  }

  async #makeCertificate(): Promise<{ cert: string; key: string }> {
    const folder = join(this.folder, 'tls')
    mkdirSync(folder, { recursive: true })
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const make = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    await run('openssl', [...make, '-subj', '/CN=kubernetes', '-keyout', key, '-out', cert], { timeout: 20_000 })
    return { cert, key }
  }
}

function secondLink(address: string): { interface: string; address6: string; mac: string } {
  return { interface: 'bond1', address6: `fd00:1::${hostNumber(address).toString(16)}/64`, mac: macFor(address, 0xb1) }
}

function macOf(namespace: string): string {
  const [link] = JSON.parse(ip(['-n', namespace, '-j', 'link', 'show', 'bond0'])) as { address: string }[]
  return link?.address ?? ''
}
