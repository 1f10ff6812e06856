import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Child } from './child.js'
import type { Lab, LabNode } from './lab.js'
import { poll } from './wait.js'

const run = promisify(execFile)

/** The program, as built. */
export const vipdProgram = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/** The part of `vipd status --json` that the lab reads. */
export interface Status {
  readonly pid: number
  readonly process: { readonly event_loop_delay_max_ms: number }
  readonly vrrp: readonly InstanceStatus[]
  readonly proxy: readonly {
    readonly name: string
    readonly sessions: { readonly current: number; readonly total: number }
    readonly servers: readonly ServerStatus[]
  }[]
}

export interface InstanceStatus {
  readonly state: 'MASTER' | 'BACKUP' | 'FAULT' | 'INIT'
  readonly fault: readonly string[]
  readonly priority: number
  readonly effective_priority: number
  readonly master: { readonly address: string; readonly priority: number } | null
  readonly virtual_ipaddress: readonly { readonly address: string; readonly held: boolean }[]
  readonly counters: Readonly<Record<string, unknown>>
}

export interface ServerStatus {
  readonly name: string
  readonly address: string
  readonly status: 'UP' | 'DOWN' | 'DRAIN' | 'MAINT'
  readonly check: { readonly result: string } | null
}

/** One vipd in one node's namespace. `start` may be called again after its end. */
export class Vipd {
  readonly configFile: string
  readonly socket: string
  readonly node: LabNode
  readonly #logFile: string
  readonly #env: NodeJS.ProcessEnv
  readonly #program: string
  #child: Child | undefined

  /** @param config YAML or JSON text, its admin socket at `socket` */
  constructor(
    lab: Lab,
    node: LabNode,
    config: string,
    env: NodeJS.ProcessEnv = {},
    { socket = socketOf(lab, node), program = vipdProgram }: { socket?: string; program?: string } = {}
  ) {
    this.node = node
    this.#env = env
    this.socket = socket
    this.#program = program
    this.configFile = join(lab.folder, `vipd-${node.name}.yaml`)
    this.#logFile = join(lab.folder, `vipd-${node.name}.log`)
    writeFileSync(this.configFile, config, { mode: 0o600 })
  }

  get child(): Child {
    if (this.#child === undefined) throw new Error('vipd was not started')
    return this.#child
  }

  /** Starts the daemon and waits until its admin socket answers and every instance takes part in the election. */
  async start(deadlineMs = 15_000): Promise<this> {
    const argv = [process.execPath, this.#program, 'run', '-c', this.configFile]
    this.#child = new Child(['ip', 'netns', 'exec', this.node.namespace, ...argv], {
      logFile: this.#logFile,
      env: this.#env
    })
    const child = this.#child
    const answers = async (): Promise<boolean> => {
      if (child.exit !== undefined)
        throw new Error(`vipd on ${this.node.name} ended (${child.exit.code}):\n${child.tail()}`)
      const status = await this.status().catch(() => undefined)
      return status?.pid === child.pid && status.vrrp.every((one) => one.state !== 'INIT')
    }
    await poll(answers, deadlineMs, `vipd on ${this.node.name} answering; it printed:\n${child.tail()}`)
    return this
  }

  /** What `vipd status --json` prints, asked for without starting a program. */
  status(deadlineMs = 2000): Promise<Status> {
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(deadlineMs)
      const asked = request({ socketPath: this.socket, path: '/v1/status', signal }, (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (text: string) => {
          body += text
        })
        response.on('error', reject)
        response.on('end', () => {
          if (response.statusCode === 200) resolve(JSON.parse(body) as Status)
          else reject(new Error(`status ${response.statusCode}: ${body}`))
        })
      })
      asked.on('error', reject)
      asked.end()
    })
  }

  /** The first VRRP instance. */
  async instance(): Promise<InstanceStatus> {
    const [first] = (await this.status()).vrrp
    if (first === undefined) throw new Error('status shows no VRRP instance')
    return first
  }

  async serverStatus(): Promise<Record<string, ServerStatus['status']>> {
    const [service] = (await this.status()).proxy
    return Object.fromEntries((service?.servers ?? []).map((server) => [server.name, server.status]))
  }

  /** Waits until status shows this state. */
  async untilState(state: InstanceStatus['state'], deadlineMs: number): Promise<InstanceStatus> {
    const what = `vipd on ${this.node.name} being ${state}`
    return poll(
      async () => {
        const instance = await this.instance().catch(() => undefined)
        return instance?.state === state && instance
      },
      deadlineMs,
      what
    )
  }

  /** Waits until it is master and status shows every address held: the kernel's answer comes after the election's. */
  async untilHeld(deadlineMs: number): Promise<InstanceStatus> {
    return poll(
      async () => {
        const instance = await this.instance().catch(() => undefined)
        const isHeld = instance?.state === 'MASTER' && instance.virtual_ipaddress.every((one) => one.held)
        return isHeld && instance
      },
      deadlineMs,
      `vipd on ${this.node.name} holding its addresses`
    )
  }

  /** Waits until a server of the first service has this status. */
  async untilServer(name: string, status: ServerStatus['status'], deadlineMs: number): Promise<void> {
    const what = `${name} ${status} on ${this.node.name}`
    await poll(
      async () => ((await this.serverStatus().catch(() => ({}))) as Record<string, string>)[name] === status,
      deadlineMs,
      what
    )
  }

  /** Writes another configuration and has it read: `vipd reload`. Rejects when that fails. @returns what it printed */
  async reload(config: string): Promise<string> {
    writeFileSync(this.configFile, config, { mode: 0o600 })
    const { stdout, stderr } = await run(process.execPath, [vipdProgram, 'reload', '--socket', this.socket], {
      timeout: 10_000
    })
    return `${stdout}${stderr}`
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#child?.stop(signal)
  }
}

/** Where the admin socket of a node's vipd is. */
export function socketOf(lab: Lab, node: LabNode): string {
  return join(lab.folder, `vipd-${node.name}.sock`)
}
