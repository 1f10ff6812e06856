import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atExit } from '../lab/cleanup.js'
import { namespaceName, removeNamespaces } from '../lab/namespaces.js'
import { nowMs, poll } from '../lab/wait.js'
import { Haproxy } from './haproxy.js'
import type { Behaviour, ConnectOptions, Visit, VisitOptions } from './protocol.js'
import { Actor, type Listener, PATIENCE_MS, type Peer } from './remote.js'
import type { Scenario } from './scenario.js'
import type { ServerState, SessionLog, Side, Subject } from './subject.js'
import { Vipd } from './vipd.js'

/** Every stage has the same addresses, each in namespaces of its own. */
export const PROXY = '10.77.0.10'
export const PROXY6 = 'fd77::10'
export const PORT = 8443
export const SYSLOG = { host: '10.77.0.20', port: 514 }
export const SERVER_PORT = 6443
export const serverAddress: Readonly<Record<string, string>> = {
  a: '10.77.0.21',
  b: '10.77.0.22',
  c: '10.77.0.23',
  d: '10.77.0.24'
}
/** Of the client: the first is its usual one. */
export const clientAddresses = Array.from({ length: 24 }, (_, index) => `10.77.0.${101 + index}`)
const front = { host: PROXY, port: PORT }

let stages = 0

/** Three namespaces on a bridge, for one scenario: both proxies play in them, one after the other. */
export class Place {
  readonly folder: string
  readonly client: string
  readonly proxy: string
  readonly servers: string
  readonly #bridge: string
  readonly #forget: () => void

  private constructor() {
    stages += 1
    const named = (label: string): string => namespaceName(`${stages}${label}`)
    this.client = named('cl')
    this.proxy = named('px')
    this.servers = named('sv')
    this.#bridge = named('br')
    this.folder = mkdtempSync(join(tmpdir(), `${named('parity')}-`))
    this.#forget = atExit(() => {
      removeNamespaces(this.#names)
      this.#removeFolder()
    })
  }

  /** Nothing here blocks: other scenarios are played meanwhile. */
  static async open(): Promise<Place> {
    const place = new Place()
    await script(place.#commands())
    return place
  }

  /** For when all that ran in it has ended. */
  async close(): Promise<void> {
    await script(this.#names.map((name) => `ip netns del ${name}`)).catch(() => removeNamespaces(this.#names))
    this.#removeFolder()
    this.#forget()
  }

  get #names(): string[] {
    return [this.client, this.proxy, this.servers, this.#bridge]
  }

  #removeFolder(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  #commands(): string[] {
    const bridge = this.#bridge
    const conf = '/proc/sys/net/ipv6/conf'
    return [
      `ip netns add ${bridge}`,
      `ip -n ${bridge} link add br0 type bridge mcast_snooping 0 stp_state 0`,
      `ip -n ${bridge} link set br0 up`,
      ...this.#node(this.client, '101', clientAddresses.slice(1)),
      ...this.#node(this.proxy, '10', []),
      ...this.#node(this.servers, '20', Object.values(serverAddress)),
      `ip netns exec ${this.proxy} sh -c 'echo 0 > ${conf}/all/accept_dad'`
    ]
  }

  #node(namespace: string, last: string, others: readonly string[]): string[] {
    const port = `port${last}`
    const addresses = [`10.77.0.${last}`, ...others].map((one) => `address add ${one}/24 dev eth0`)
    return [
      `ip netns add ${namespace}`,
      `ip -n ${this.#bridge} link add ${port} type veth peer name eth0 netns ${namespace}`,
      `ip -n ${this.#bridge} link set ${port} master br0 up`,
      `ip -n ${namespace} -batch - <<'END'`,
      ...addresses,
      `address add fd77::${last}/64 dev eth0 nodad`,
      'link set lo up',
      'link set eth0 up',
      'END'
    ]
  }
}

/** Runs lines of shell, up to the first that fails. */
function script(lines: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = execFile('sh', ['-e'], { timeout: 30_000 }, (error, _stdout, stderr) => {
      if (error === null) resolve()
      else reject(new Error(`${stderr || error.message}`))
    })
    child.stdin?.on('error', () => undefined).end(`${lines.join('\n')}\n`)
  })
}

/** One side of one scenario: its proxy, its client and its servers. */
export class Stage {
  readonly side: Side
  readonly client: Actor
  readonly servers: Actor
  readonly proxy: Subject
  readonly folder: string
  readonly #place: Place
  readonly #listeners = new Map<string, Listener>()
  #hasTable = false
  #isCut = false

  constructor(place: Place, side: Side, scenario: Scenario) {
    this.#place = place
    this.side = side
    this.folder = mkdtempSync(join(place.folder, `${side}-`))
    this.client = new Actor('client', place.client)
    this.servers = new Actor('servers', place.servers)
    const shared = {
      namespace: place.proxy,
      folder: this.folder,
      cfg: scenario.cfg.replaceAll('FOLDER', this.folder),
      wrapper: scenario.wrapper?.[side] ?? []
    }
    const syslog = (): string[] => this.servers.datagrams.map(({ text }) => text)
    this.proxy =
      side === 'haproxy'
        ? new Haproxy({ ...shared, isMaster: scenario.isReloaded ?? false, syslog })
        : new Vipd({ ...shared, top: scenario.vipdTop ?? {}, service: scenario.vipdService ?? {} })
  }

  /** The log's receiver and the scenario's servers. */
  async open(servers: Readonly<Record<string, Behaviour>>): Promise<void> {
    await this.servers.ask({ do: 'syslog', ...SYSLOG })
    for (const [name, how] of Object.entries(servers)) await this.serve(name, how)
  }

  /** Starts the proxy; throws where it does not start. */
  async start(): Promise<void> {
    const { ok, why } = await this.proxy.start()
    if (!ok) throw new Error(`${this.side} did not start:\n${why}`)
  }

  /** A server begins to listen. Its hello is its name, unless it says something else. */
  async serve(name: string, how: Behaviour = {}): Promise<Listener> {
    const listener = await this.servers.listen(name, serverAddress[name] ?? '', SERVER_PORT, {
      hello: `${name}\n`,
      ...how
    })
    const known = this.#listeners.get(name)
    // What it accepted before it was closed is still its.
    if (known !== undefined) listener.accepted.unshift(...known.accepted)
    this.#listeners.set(name, listener)
    return listener
  }

  server(name: string): Listener {
    const found = this.#listeners.get(name)
    if (found === undefined) throw new Error(`no server ${name}`)
    return found
  }

  /** A client connects to the proxy, and is connected. */
  connect(options: Omit<ConnectOptions, 'to'> = {}): Promise<Peer> {
    return this.client.connect(front, options)
  }

  /** The same, not waiting for anything. */
  dial(options: Omit<ConnectOptions, 'to'> = {}): Peer {
    return this.client.dial({ to: front, ...options })
  }

  /** Clients that come for a line, one after the other unless said otherwise. */
  visits(count: number, options: Partial<VisitOptions> = {}): Promise<readonly Visit[]> {
    return this.client.visits({ to: front, leave: 'fin', count, ...options })
  }

  /** Which server each of so many clients got: 'a b c'. */
  async turns(count: number, options: Partial<VisitOptions> = {}): Promise<string> {
    return (await this.visits(count, options)).map(({ said, outcome }) => (outcome === 'ok' ? said : outcome)).join(' ')
  }

  /** The log's word of this client's session. */
  async log(peer: Peer | { readonly port: number }, deadlineMs = 8000): Promise<SessionLog> {
    const find = (): SessionLog | undefined =>
      this.proxy.sessionLogs().find(({ client }) => client.endsWith(`:${peer.port}`))
    const what = `${this.side}'s log of the client with port ${peer.port}; it said:\n${this.proxy.words()}`
    return poll(find, deadlineMs, what, 20)
  }

  /** The first session in the log: for a client that was reset before it knew its own port. */
  async firstLog(): Promise<SessionLog> {
    const what = `a session in ${this.side}'s log`
    return poll(() => this.proxy.sessionLogs()[0], 5000, what, 20)
  }

  /** @returns when it was so: CLOCK_MONOTONIC */
  async untilServer(name: string, state: ServerState, deadlineMs = PATIENCE_MS): Promise<number> {
    const isSo = async (): Promise<boolean> => (await this.proxy.state(name).catch(() => undefined)) === state
    await poll(isSo, deadlineMs, `${name} being ${state} for ${this.side}`, 25)
    return nowMs()
  }

  /** Waits for something that only asking tells. */
  until<Found>(
    ask: () => Promise<Found | false> | Found | false,
    what: string,
    deadlineMs = PATIENCE_MS
  ): Promise<Found> {
    return poll(ask, deadlineMs, `${what} (${this.side})`, 25)
  }

  /** Nothing comes to this server or from it any more; nobody is told. */
  async blackhole(name: string): Promise<void> {
    const address = serverAddress[name] ?? ''
    if (!this.#hasTable) {
      const table = `table inet parity {
        set dropped { type ipv4_addr; }
        chain in { type filter hook input priority 0; ip daddr @dropped drop; }
        chain out { type filter hook output priority 0; ip saddr @dropped drop; }
      }`
      await this.run('servers', ['nft', 'delete', 'table', 'inet', 'parity']).catch(() => undefined)
      await this.run('servers', ['nft', '-f', '-'], table)
      this.#hasTable = true
    }
    await this.run('servers', ['nft', 'add', 'element', 'inet', 'parity', 'dropped', `{ ${address} }`])
  }

  async heal(name: string): Promise<void> {
    const address = serverAddress[name] ?? ''
    await this.run('servers', ['nft', 'delete', 'element', 'inet', 'parity', 'dropped', `{ ${address} }`])
  }

  /** The client's host is gone, and nobody is told. Its namespace is not used again by this side. */
  async cutClient(): Promise<void> {
    await this.run('client', ['ip', 'link', 'set', 'eth0', 'down'])
    this.#isCut = true
  }

  /** Runs a program in one of the namespaces to its end. */
  run(where: 'client' | 'proxy' | 'servers', argv: readonly string[], input = ''): Promise<string> {
    return new Promise((resolve, reject) => {
      const words = ['netns', 'exec', this.#place[where], ...argv]
      const child = execFile('ip', words, { timeout: 10_000 }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else reject(new Error(`${argv.join(' ')}: ${stderr || error.message}`))
      })
      // It may have ended without reading.
      child.stdin?.on('error', () => undefined).end(input)
    })
  }

  /** Resident memory of the proxy, in bytes. */
  memory(): number {
    const status = readFileSync(`/proc/${this.proxy.pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024
  }

  /** What the proxy has computed so far, in ms. */
  cpuMs(): number {
    const fields = readFileSync(`/proc/${this.proxy.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) * 10
  }

  /** Descriptors that the proxy holds. */
  files(): number {
    return readdirSync(`/proc/${this.proxy.pid}/fd`).length
  }

  /** How late this process's helpers were at most since the last time. */
  async lateness(): Promise<number> {
    return Math.max(await this.client.lateness(), await this.servers.lateness())
  }

  async close(): Promise<void> {
    await this.proxy.stop('SIGKILL').catch(() => undefined)
    await Promise.all([this.client.stop(), this.servers.stop()])
    if (this.#isCut) await this.run('client', ['ip', 'link', 'set', 'eth0', 'up']).catch(() => undefined)
    if (this.#hasTable) await this.run('servers', ['nft', 'delete', 'table', 'inet', 'parity']).catch(() => undefined)
  }
}
