import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { ensurePackages } from '../test/lab/packages.js'
import { nowMs } from '../test/lab/wait.js'
import { machineBusyS, used } from './accounting.js'
import { clientAddresses, Ground, proxyAddress, serverAddresses } from './ground.js'
import { decodeLoad, loadArgv, type Outcome, type Work } from './load.js'
import type { Measured } from './model.js'
import { program } from './native.js'
import { DIRECT, proxies } from './targets/all.js'
import { type RunningTarget, type Setting, startTarget, type Target } from './targets/target.js'

const PORT = 8443
const SERVER_PORT = 6443
/** What 20,000 descriptors allow: two for each session, pipes, and some. */
const MAXCONN = 8000
const BACKLOG = 8192

export interface StandOptions {
  readonly targets: readonly string[]
  readonly threads: number
  readonly isTls?: boolean
}

/** What a load did, and what the proxy spent on it. */
export interface Loaded {
  readonly outcome: Outcome
  /** CPU seconds of the proxy's processes, from before the load to after it; undefined without a proxy. */
  readonly cpuS: number | undefined
  readonly contextSwitches: number | undefined
  /** Of the client, as a share of the machine's cores. */
  readonly clientShare: number
  readonly busyShare: number
}

/** Proxies side by side before the same servers: what the scenarios of the data plane are measured on. */
export class Stand {
  readonly configurations: Record<string, string> = {}
  readonly absent: Record<string, string> = {}
  readonly ground = new Ground()
  readonly #running = new Map<string, RunningTarget>()
  readonly #options: StandOptions

  private constructor(options: StandOptions) {
    this.#options = options
  }

  /** Starts servers and proxies. A proxy that cannot be is in `absent`; rejects where there can be no servers. */
  static async open(options: StandOptions): Promise<Stand> {
    const stand = new Stand(options)
    try {
      await stand.#startServers()
      for (const target of proxies.filter((one) => options.targets.includes(one.name))) await stand.#add(target)
      return stand
    } catch (error) {
      await stand.close()
      throw error
    }
  }

  pidsOf(target: string): readonly number[] {
    return this.#running.get(target)?.pids ?? []
  }

  /** Ends a proxy and starts it afresh. */
  async restart(target: string): Promise<void> {
    await this.#running.get(target)?.stop()
    const found = proxies.find((one) => one.name === target)
    if (found !== undefined) await this.#start(found)
  }

  addressesOf(target: string): string[] {
    if (target === DIRECT) return serverAddresses.map((address) => `${address}:${SERVER_PORT}`)
    return [`${proxyAddress}:${this.#settingOf(target).listen.port}`]
  }

  argvOf(target: string, work: Work, seconds: number, warmS: number): string[] {
    const { isTls = false } = this.#options
    const from = work.mode === 'connections' ? clientAddresses : []
    return loadArgv(work, { to: this.addressesOf(target), from, threads: 2, seconds, warmS, isTls })
  }

  /** Puts a load on one of them. */
  async load(
    target: string,
    work: Work,
    seconds: number,
    warmS: number
  ): Promise<Loaded | { readonly problem: string }> {
    const running = this.#running.get(target)
    const gone = this.absent[target] ?? running?.end
    if (gone !== undefined) return { problem: gone }
    const before = { at: nowMs(), busyS: machineBusyS(), ...used(running?.pids ?? []) }
    const child = this.ground.start('client', this.argvOf(target, work, seconds, warmS))
    const deadlineMs = (seconds + warmS) * 1000 + 10_000
    const line = await child.line(/^\{/, deadlineMs).catch((error: unknown) => String(error))
    await child.stop('SIGKILL')
    const after = { at: nowMs(), busyS: machineBusyS(), ...used(running?.pids ?? []) }
    const said = decodeLoad(line)
    if (!said.ok) return { problem: said.problem }
    if (running?.end !== undefined) return { problem: running.end }
    const coreS = ((after.at - before.at) / 1000) * availableParallelism()
    const isProxied = target !== DIRECT
    return {
      outcome: said,
      cpuS: isProxied ? after.cpuS - before.cpuS : undefined,
      contextSwitches: isProxied ? after.contextSwitches - before.contextSwitches : undefined,
      clientShare: said.cpu_s / (said.seconds * availableParallelism()),
      busyShare: (after.busyS - before.busyS) / coreS
    }
  }

  async close(): Promise<void> {
    await this.ground.close()
  }

  async #startServers(): Promise<void> {
    const { isTls = false } = this.#options
    const listen = serverAddresses.flatMap((address) => ['--listen', `${address}:${SERVER_PORT}`])
    const tls = isTls ? await makeCertificate(this.ground) : []
    const argv = [program('serve'), ...listen, '--threads', '2', '--backlog', String(BACKLOG), ...tls]
    await this.ground.start('servers', argv).line(/listening/, 10_000)
  }

  async #add(target: Target): Promise<void> {
    this.configurations[target.name] = target.configuration(this.#settingOf(target.name))
    if (target.package !== undefined) {
      const more = target.package === 'nginx' ? (['libnginx-mod-stream'] as const) : []
      const ensured = ensurePackages([target.package, ...more])
      if (!ensured.ok) {
        this.absent[target.name] = ensured.reason
        return
      }
    }
    await this.#start(target).catch((error: unknown) => {
      this.absent[target.name] = error instanceof Error ? error.message : String(error)
    })
  }

  async #start(target: Target): Promise<void> {
    const probe: Work = { mode: 'requests', connections: 3, bytes: 10 }
    const answers = async (): Promise<boolean> => {
      const child = this.ground.start('client', this.argvOf(target.name, probe, 0.05, 0))
      const said = decodeLoad(await child.line(/^\{/, 5000).catch(() => ''))
      await child.stop('SIGKILL')
      return said.ok && said.done > 0
    }
    this.#running.set(target.name, await startTarget(this.ground, target, this.#settingOf(target.name), answers))
  }

  #settingOf(target: string): Setting {
    const index = proxies.findIndex((one) => one.name === target)
    const servers = serverAddresses.map((address) => `${address}:${SERVER_PORT}`)
    const listen = { address: proxyAddress, port: PORT + index }
    return { threads: this.#options.threads, listen, servers, backlog: BACKLOG, maxconn: MAXCONN }
  }
}

/** Makes one for the servers. @returns what `serve` has to be told */
export async function makeCertificate(ground: Ground): Promise<string[]> {
  const [cert, key] = [join(ground.folder, 'cert.pem'), join(ground.folder, 'key.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  const made = [
    'openssl',
    'req',
    '-x509',
    ...curve,
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=bench',
    '-keyout',
    key,
    '-out',
    cert
  ]
  const exit = await ground.start('servers', made).exited
  if (exit.code !== 0) throw new Error('openssl made no certificate')
  return ['--cert', cert, '--key', key]
}

/** A problem, told. */
export const problemOf = (problem: string): Measured => ({ ok: false, problem })
