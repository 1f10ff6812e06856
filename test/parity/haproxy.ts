import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { Child, type Exit } from '../lab/child.js'
import { poll } from '../lab/wait.js'
import type { Counts, Order, ServerState, SessionLog, Started, Subject } from './subject.js'
import { parseTcplog } from './tcplog.js'

const START_MS = 10_000
const ANSWER_MS = 5000

export interface HaproxyOptions {
  readonly namespace: string
  readonly folder: string
  readonly cfg: string
  /** Words before the program's: a limit of descriptors, say. */
  readonly wrapper: readonly string[]
  /** As a master with workers, so that it can be reloaded. */
  readonly isMaster: boolean
  /** The syslog lines that have come so far. */
  readonly syslog: () => readonly string[]
}

/** The distribution's haproxy. */
export class Haproxy implements Subject {
  readonly side = 'haproxy'
  readonly #options: HaproxyOptions
  readonly #file: string
  readonly #socket: string
  #child: Child | undefined
  #worker = 0

  constructor(options: HaproxyOptions) {
    this.#options = options
    this.#file = join(options.folder, 'haproxy.cfg')
    this.#socket = join(options.folder, 'haproxy.sock')
  }

  get pid(): number {
    return this.#worker
  }

  async start(): Promise<Started> {
    const { namespace, folder, cfg, wrapper, isMaster } = this.#options
    const own = join(folder, 'stats.cfg')
    writeFileSync(this.#file, cfg)
    writeFileSync(
      own,
      `global\n  stats socket ${this.#socket} mode 600 level admin expose-fd listeners\n  stats timeout 60s\n`
    )
    const argv = [...wrapper, 'haproxy', isMaster ? '-W' : '-db', '-f', own, '-f', this.#file]
    const child = new Child(['ip', 'netns', 'exec', namespace, ...argv], { logFile: join(folder, 'haproxy.log') })
    this.#child = child
    const answers = async (): Promise<boolean> => child.exit !== undefined || (await this.#workerPid()) > 0
    await poll(answers, START_MS, `haproxy answering; it printed:\n${child.tail()}`, 20)
    if (child.exit !== undefined) return { ok: false, why: child.tail() }
    this.#worker = await this.#workerPid()
    return { ok: true, why: '' }
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

  /** As `systemctl reload haproxy`: SIGUSR2 to the master, and a new worker answers; or the old one still does. */
  async reload(cfg: string): Promise<boolean> {
    const before = this.#worker
    const said = this.#running.lines.length
    writeFileSync(this.#file, cfg)
    this.signal('SIGUSR2')
    const refused = (): boolean =>
      this.#running.lines
        .slice(said)
        .some((line) => /Reexecuting.*wait|exited with code: 1|Failed to load|[Rr]eload failed|fatal error/i.test(line))
    await poll(
      async () => refused() || ![0, before].includes(await this.#workerPid()),
      START_MS,
      'haproxy reloading',
      20
    )
    this.#worker = await this.#workerPid()
    return this.#worker !== before
  }

  async state(server: string, service?: string): Promise<ServerState> {
    const status = (await this.#row(server, service))['status'] ?? ''
    if (status.startsWith('UP') || status === 'no check') return 'UP'
    if (status.startsWith('DOWN')) return 'DOWN'
    if (status.startsWith('MAINT')) return 'MAINT'
    return 'DRAIN'
  }

  async checkResult(server: string): Promise<string> {
    return ((await this.#row(server))['check_status'] ?? '').replace('* ', '')
  }

  async order(server: string, order: Order): Promise<void> {
    const name = `${await this.#backend(server)}/${server}`
    const words = typeof order === 'string' ? `state ${order}` : `weight ${order.weight}`
    await this.#ask(`set server ${name} ${words}`)
  }

  async kill(port: number): Promise<void> {
    const sessions = await this.#ask('show sess')
    const id = sessions
      .split('\n')
      .find((line) => line.includes(`:${port} `))
      ?.split(':')[0]
    if (id === undefined) throw new Error(`haproxy has no session of port ${port}:\n${sessions}`)
    await this.#ask(`shutdown session ${id}`)
  }

  async killAll(server: string): Promise<void> {
    await this.#ask(`shutdown sessions server ${await this.#backend(server)}/${server}`)
  }

  async counts(): Promise<Counts> {
    const rows = await this.#rows()
    const front = rows.find((row) => row['svname'] === 'FRONTEND' && row['pxname'] !== 'GLOBAL')
    const back = rows.filter((row) => row['svname'] === 'BACKEND')
    const servers = rows.filter((row) => row['type'] === '2')
    const number = (row: Row | undefined, name: string): number => Number(row?.[name] ?? 0)
    return {
      current: number(front, 'scur'),
      total: number(front, 'stot'),
      queued: back.concat(servers).reduce((sum, row) => sum + number(row, 'qcur'), 0),
      servers: Object.fromEntries(
        servers.map((row) => [row['svname'] ?? '', { current: number(row, 'scur'), total: number(row, 'stot') }])
      )
    }
  }

  sessionLogs(): readonly SessionLog[] {
    return this.#options
      .syslog()
      .map(parseTcplog)
      .filter((one) => one !== undefined)
  }

  words(): string {
    return [...this.#running.lines.slice(-10), ...this.#options.syslog().slice(-20)].join('\n')
  }

  get #running(): Child {
    if (this.#child === undefined) throw new Error('haproxy was not started')
    return this.#child
  }

  async #workerPid(): Promise<number> {
    const info = await this.#ask('show info').catch(() => '')
    return Number(/^Pid: (\d+)$/m.exec(info)?.[1] ?? 0)
  }

  async #rows(): Promise<Row[]> {
    const [head = '', ...lines] = (await this.#ask('show stat')).replace(/^# /, '').trim().split('\n')
    const names = head.split(',')
    return lines.map((line) => Object.fromEntries(line.split(',').map((value, index) => [names[index] ?? '', value])))
  }

  async #row(server: string, service?: string): Promise<Row> {
    const isIt = (row: Row): boolean => row['svname'] === server && (service === undefined || row['pxname'] === service)
    const found = (await this.#rows()).find(isIt)
    if (found === undefined) throw new Error(`haproxy has no server ${server}`)
    return found
  }

  async #backend(server: string): Promise<string> {
    return (await this.#row(server))['pxname'] ?? ''
  }

  #ask(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let answer = ''
      const socket = connect(this.#socket, () => socket.write(`${command}\n`))
      socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error(`haproxy did not answer: ${command}`)))
      socket.setEncoding('utf8')
      socket.on('data', (text: string) => {
        answer += text
      })
      socket.on('end', () => resolve(answer))
      socket.on('error', reject)
    })
  }
}

type Row = Readonly<Record<string, string>>
