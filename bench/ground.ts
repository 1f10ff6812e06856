import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Child, type ChildOptions } from '../test/lab/child.js'
import { atExit } from '../test/lab/cleanup.js'
import { makeBridge, namespaceName, removeNamespaces, sweepDeadRuns } from '../test/lab/namespaces.js'

export type Place = 'client' | 'proxy' | 'servers'

export const proxyAddress = '10.77.0.2'
export const serverAddresses = ['10.77.0.11', '10.77.0.12', '10.77.0.13'] as const
/** Of the client: each has as many ports as there are. */
export const clientAddresses = Array.from({ length: 8 }, (_, index) => `10.77.0.${101 + index}`)

let grounds = 0

/** Where the proxies are measured: a client, a proxy and its servers, each in a network namespace, on one bridge. */
export class Ground {
  /** Configurations, logs, certificates. Removed at the end. */
  readonly folder: string
  readonly #namespaces: Readonly<Record<Place, string>>
  readonly #bridge: string
  readonly #children: Child[] = []
  readonly #forget: () => void

  constructor() {
    sweepDeadRuns()
    grounds += 1
    const named = (label: string): string => namespaceName(`g${grounds}${label}`)
    this.#bridge = named('br')
    this.#namespaces = { client: named('cl'), proxy: named('px'), servers: named('sv') }
    this.folder = mkdtempSync(join(tmpdir(), `${named('bench')}-`))
    this.#forget = atExit(() => this.#remove())
    makeBridge(this.#bridge, [
      { namespace: this.#namespaces.client, interface: 'eth0', address: '10.77.0.1/16' },
      { namespace: this.#namespaces.proxy, interface: 'eth0', address: `${proxyAddress}/16` },
      { namespace: this.#namespaces.servers, interface: 'eth0', address: '10.77.0.3/16' }
    ])
    this.addAddresses('servers', serverAddresses)
    this.addAddresses('client', clientAddresses)
    // The same for everybody: room in the accept queues, all ports, and ports in TIME-WAIT taken again after a second.
    const settings = {
      '/proc/sys/net/core/somaxconn': '16384',
      '/proc/sys/net/ipv4/tcp_max_syn_backlog': '16384',
      '/proc/sys/net/ipv4/ip_local_port_range': '1024 65000',
      '/proc/sys/net/ipv4/tcp_tw_reuse': '1'
    }
    const script = Object.entries(settings).map(([path, value]) => `echo ${value} > ${path}`)
    for (const namespace of Object.values(this.#namespaces))
      execFileSync('ip', ['netns', 'exec', namespace, 'sh', '-c', script.join(' && ')], { timeout: 10_000 })
  }

  /** Gives a place more addresses. */
  addAddresses(place: Place, addresses: readonly string[]): void {
    const lines = addresses.map((address) => `address add ${address}/16 dev eth0`)
    execFileSync('ip', ['-n', this.#namespaces[place], '-batch', '-'], {
      input: `${lines.join('\n')}\n`,
      timeout: 30_000
    })
  }

  /** Starts a program there. It ends with the ground at the latest. */
  start(place: Place, argv: readonly string[], options: ChildOptions = {}): Child {
    const child = new Child(['ip', 'netns', 'exec', this.#namespaces[place], ...argv], options)
    this.#children.push(child)
    return child
  }

  /** Writes a file into the folder. @returns where it is */
  write(name: string, text: string): string {
    const path = join(this.folder, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }

  /** Ends everything in it and removes it. */
  async close(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop('SIGKILL')))
    this.#remove()
    this.#forget()
  }

  #remove(): void {
    removeNamespaces([...Object.values(this.#namespaces), this.#bridge])
    rmSync(this.folder, { recursive: true, force: true })
  }
}
