import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parse, stringify } from 'yaml'
import { convert } from '../../src/config/import/convert.js'
import type { Note } from '../../src/config/import/report.js'
import { Child, type Exit } from '../lab/child.js'
import { vipdProgram } from '../lab/vipd.js'
import { poll } from '../lab/wait.js'
import { PLAIN_NODE } from './remote.js'
import type { Counts, Order, ServerState, SessionLog, Started, Subject } from './subject.js'

const run = promisify(execFile)
const START_MS = 20_000
const ANSWER_MS = 5000

export type Tree = { readonly [key: string]: unknown }

export interface VipdOptions {
  readonly namespace: string
  readonly folder: string
  /** What `vipd import` gets. */
  readonly cfg: string
  readonly wrapper: readonly string[]
  /** What is set besides what the import made: at the top, and in every service. */
  readonly top: Tree
  readonly service: Tree
}

/** vipd, configured by its own import of the scenario's haproxy.cfg. */
export class Vipd implements Subject {
  readonly side = 'vipd'
  /** What the last import had to say. */
  notes: readonly Note[] = []
  readonly #options: VipdOptions
  readonly #file: string
  readonly #socket: string
  readonly #logs: SessionLog[] = []
  #child: Child | undefined

  constructor(options: VipdOptions) {
    this.#options = options
    this.#file = join(options.folder, 'vipd.yaml')
    this.#socket = join(options.folder, 'vipd.sock')
  }

  get pid(): number {
    return this.#running.pid
  }

  async start(): Promise<Started> {
    const { namespace, folder, wrapper } = this.#options
    writeFileSync(this.#file, this.#yaml(this.#options.cfg), { mode: 0o600 })
    const argv = [...wrapper, ...PLAIN_NODE, vipdProgram, 'run', '-c', this.#file]
    const child = new Child(['ip', 'netns', 'exec', namespace, ...argv], {
      logFile: join(folder, 'vipd.log'),
      onLine: (line) => this.#take(line)
    })
    this.#child = child
    const listens = async (): Promise<boolean> => {
      if (child.exit !== undefined) return true
      const status = await this.#status().catch(() => undefined)
      return status?.pid === child.pid && status.proxy.every((one) => one.listening !== false)
    }
    await poll(listens, START_MS, `vipd listening; it printed:\n${child.tail()}`, 20)
    return child.exit === undefined ? { ok: true, why: '' } : { ok: false, why: child.tail() }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    return this.#running.stop(signal)
  }

  signal(signal: NodeJS.Signals): void {
    this.#running.signal(signal)
  }

  exited(): Promise<Exit> {
    return this.#running.exited
  }

  async reload(cfg: string): Promise<boolean> {
    writeFileSync(this.#file, this.#yaml(cfg), { mode: 0o600 })
    return this.#cli('reload').then(
      () => true,
      () => false
    )
  }

  async state(server: string, service?: string): Promise<ServerState> {
    return (await this.#server(server, service)).status
  }

  async checkResult(server: string): Promise<string> {
    return (await this.#server(server)).check?.result ?? ''
  }

  async order(server: string, order: Order): Promise<void> {
    const name = `${await this.#serviceOf(server)}/${server}`
    await this.#cli('server', name, ...(typeof order === 'string' ? [order] : ['weight', String(order.weight)]))
  }

  async kill(port: number): Promise<void> {
    const listed: unknown = JSON.parse(await this.#cli('sessions', '--json'))
    const id = idOf(listed, `:${port}`)
    if (id === undefined) throw new Error(`vipd has no session of port ${port}: ${JSON.stringify(listed)}`)
    await this.#cli('sessions', 'kill', id)
  }

  async killAll(server: string): Promise<void> {
    await this.#cli('sessions', 'kill', '--server', `${await this.#serviceOf(server)}/${server}`)
  }

  async counts(): Promise<Counts> {
    const [service] = (await this.#status()).proxy
    if (service === undefined) throw new Error('vipd has no service')
    return {
      current: service.sessions.current,
      total: service.sessions.total,
      queued: service.queued ?? 0,
      servers: Object.fromEntries(service.servers.map(({ name, sessions }) => [name, sessions]))
    }
  }

  sessionLogs(): readonly SessionLog[] {
    return this.#logs
  }

  words(): string {
    const lines = this.#child?.lines ?? []
    const isSession = (line: string): boolean => line.includes('"termination"')
    return [...lines.filter((line) => !isSession(line)).slice(-20), ...lines.filter(isSession).slice(-10)].join('\n')
  }

  get #running(): Child {
    if (this.#child === undefined) throw new Error('vipd was not started')
    return this.#child
  }

  #yaml(cfg: string): string {
    const conversion = convert(undefined, { path: 'haproxy.cfg', text: cfg })
    this.notes = conversion.notes
    // What cannot be imported is given to vipd as it is: it is to say what it thinks of it.
    if (conversion.outcome !== 'done') return `${cfg}\n# ${conversion.notes.map((note) => note.text).join('; ')}`
    const config = parse(conversion.yaml) as Tree
    const { top, service } = this.#options
    const log = /option tcplog/.test(cfg) && !/dontlog-normal/.test(cfg) ? { session_log: 'all' } : {}
    const services = (config['proxy'] as readonly Tree[]).map((one) => merge({ ...log, ...one }, service))
    return stringify(merge({ ...config, admin: { socket: this.#socket }, proxy: services }, top))
  }

  #take(line: string): void {
    if (!line.includes('"termination"')) return
    const of = JSON.parse(line) as Readonly<Record<string, unknown>>
    this.#logs.push({
      client: String(of['client']),
      termination: String(of['termination']),
      backend: String(of['backend']),
      server: typeof of['server'] === 'string' ? of['server'] : '',
      queueMs: Number(of['queue_ms'] ?? -1),
      connectMs: Number(of['connect_ms'] ?? -1),
      totalMs: Number(of['total_ms'] ?? -1),
      bytesOut: Number(of['bytes_out'] ?? 0),
      retries: Number(of['retries'] ?? 0),
      isRedispatched: of['redispatched'] === true
    })
  }

  async #cli(...words: string[]): Promise<string> {
    const [env = '', ...argv] = [...PLAIN_NODE, vipdProgram, ...words, '--socket', this.#socket]
    return (await run(env, argv, { timeout: 15_000 })).stdout
  }

  async #server(name: string, service?: string): Promise<VipdServer> {
    const services = (await this.#status()).proxy.filter((one) => service === undefined || one.name === service)
    const found = services.flatMap(({ servers }) => servers).find((server) => server.name === name)
    if (found === undefined) throw new Error(`vipd has no server ${name}`)
    return found
  }

  async #serviceOf(server: string): Promise<string> {
    const services = (await this.#status()).proxy
    return services.find(({ servers }) => servers.some(({ name }) => name === server))?.name ?? ''
  }

  #status(): Promise<VipdStatus> {
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(ANSWER_MS)
      const asked = request({ socketPath: this.#socket, path: '/v1/status', signal }, (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (text: string) => {
          body += text
        })
        response.on('error', reject)
        response.on('end', () => {
          if (response.statusCode === 200) resolve(JSON.parse(body) as VipdStatus)
          else reject(new Error(`status ${response.statusCode}: ${body}`))
        })
      })
      asked.on('error', reject)
      asked.end()
    })
  }
}

/** The part of the status that is read here. */
interface VipdStatus {
  readonly pid: number
  readonly proxy: readonly {
    readonly name: string
    readonly listening?: boolean
    readonly queued?: number
    readonly sessions: { readonly current: number; readonly total: number }
    readonly servers: readonly VipdServer[]
  }[]
}

interface VipdServer {
  readonly name: string
  readonly status: ServerState
  readonly check: { readonly result: string } | null
  readonly sessions: { readonly current: number; readonly total: number }
}

function merge(base: Tree, over: Tree): Tree {
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const old = merged[key]
    merged[key] = isTree(old) && isTree(value) ? merge(old, value) : value
  }
  return merged
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The id of the session whose client ends so, wherever in the answer the list stands. */
function idOf(value: unknown, client: string): string | undefined {
  if (Array.isArray(value)) return value.map((one) => idOf(one, client)).find((id) => id !== undefined)
  if (!isTree(value)) return undefined
  if (typeof value['client'] === 'string' && value['client'].endsWith(client)) return String(value['id'])
  return idOf(Object.values(value).filter(Array.isArray).flat(), client)
}
