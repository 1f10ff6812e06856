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
  readonly #own: string
  /** Another one after each reload: an old worker that still has sessions goes on answering at its own. */
  #socket: string
  #child: Child | undefined
  #worker = 0
  #reloads = 0

  constructor(options: HaproxyOptions) {
    this.#options = options
    this.#file = join(options.folder, 'haproxy.cfg')
    this.#own = join(options.folder, 'stats.cfg')
    this.#socket = join(options.folder, 'haproxy-0.sock')
  }

  get pid(): number {
    return this.#worker
  }

  async start(): Promise<Started> {
    const { namespace, folder, cfg, wrapper, isMaster } = this.#options
    writeFileSync(this.#file, cfg)
    this.#writeOwn(this.#socket)
    const argv = [...wrapper, 'haproxy', isMaster ? '-W' : '-db', '-f', this.#own, '-f', this.#file]
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
    const [before, socket, said] = [this.#worker, this.#socket, this.#running.lines.length]
    this.#reloads += 1
    this.#socket = join(this.#options.folder, `haproxy-${this.#reloads}.sock`)
    writeFileSync(this.#file, cfg)
    this.#writeOwn(this.#socket)
    const has = (words: RegExp): boolean => this.#running.lines.slice(said).some((line) => words.test(line))
    // A master that has just begun does not hear the signal yet, and nothing tells when it does.
    const isHeard = (): boolean => {
      if (has(/Reloading HAProxy/)) return true
      this.signal('SIGUSR2')
      return false
    }
    await poll(isHeard, START_MS, 'haproxy hearing SIGUSR2', 300)
    const isDone = async (): Promise<boolean> => has(/Loading success/) && (await this.#workerPid()) > 0
    await poll(async () => has(/Loading failure/) || (await isDone()), START_MS, 'haproxy reloading', 20)
    if (has(/Loading failure/)) this.#socket = socket
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
    return [
      ...this.#running.lines.slice(-10),
      ...this.#options
        .syslog()
        .slice(-10)
        .map((line) => line.trim())
    ].join('\n')
  }

  get #running(): Child {
    if (this.#child === undefined) throw new Error('haproxy was not started')
    return this.#child
  }

  #writeOwn(socket: string): void {
    const words = 'mode 600 level admin expose-fd listeners'
    writeFileSync(this.#own, `global\n  stats socket ${socket} ${words}\n  stats timeout 60s\n`)
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
