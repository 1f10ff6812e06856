import type { Clock, Timer } from '../base/clock.js'
import type { RootLog } from '../base/log.js'
import { Throttle } from '../base/throttle.js'
import type { Config, ServiceConfig } from '../config/schema.js'
import type { DataPlaneCounters, NativeDataPlane, SessionRecord } from '../os/plane.js'
import { sessionFields, tcplogLine } from '../proxy/session-log.js'

export interface RecorderPorts {
  readonly clock: Clock
  readonly log: Pick<RootLog, 'record' | 'warn' | 'dropped'>
  readonly plane: Pick<NativeDataPlane, 'records' | 'counters'>
  /** The names of a service and of one of its servers; null for −1. */
  readonly names: (service: number, server: number) => { readonly service: string; readonly server: string | null }
}

/** Field names are API. */
export interface RecorderStatus {
  /** Sessions that were logged. */
  readonly sessions: number
  /** Sessions whose record nobody fetched in time. */
  readonly sessions_dropped: number
  /** Lines that stdout did not take in time. */
  readonly lines_dropped: number
}

const PERIOD_MS = 100
/** While there is more: again after a pause in which the main loop does everything else. */
const PAUSE_MS = 10
const BATCH = 64
const MOST_WORK_MS = 10
/** At the end nobody waits for the main loop any more. */
const LAST_WORK_MS = 1000
const LOOK_PERIOD_MS = 5000

/** Fetches the records of sessions that have ended and logs them, a little at a time. Stands still where none is wanted. */
export class SessionRecorder {
  readonly #ports: RecorderPorts
  readonly #throttle: Throttle
  #services = new Map<string, ServiceConfig>()
  #timer: Timer | undefined
  #look: Timer | undefined
  #isStopped = false
  #sessions = 0
  readonly #told = { sessions_dropped: 0, lines_dropped: 0 }

  constructor(ports: RecorderPorts) {
    this.#ports = ports
    this.#throttle = new Throttle(ports.clock)
  }

  /** Follows what is configured: starts when a service logs its sessions. */
  configure(config: Pick<Config, 'proxy'>): void {
    if (this.#isStopped) return
    this.#services = new Map(config.proxy.map((service) => [service.name, service]))
    this.#look ??= this.#ports.clock.every(LOOK_PERIOD_MS, () => this.#tellDrops())
    if (config.proxy.some(({ sessionLog }) => sessionLog !== 'off')) this.#timer ??= this.#after(PERIOD_MS)
    else if (this.#timer !== undefined) {
      this.#fetch()
      this.#timer.cancel()
      this.#timer = undefined
    }
  }

  /** Logs what is there, all of it unless that takes too long, and no more from then on. */
  stop(): void {
    this.#isStopped = true
    this.#look?.cancel()
    if (this.#timer === undefined) return
    this.#fetch(LAST_WORK_MS)
    this.#timer.cancel()
    this.#timer = undefined
  }

  status({ recordsDropped }: Pick<DataPlaneCounters, 'recordsDropped'>): RecorderStatus {
    return { sessions: this.#sessions, sessions_dropped: recordsDropped, lines_dropped: this.#ports.log.dropped }
  }

  #after(delayMs: number): Timer {
    return this.#ports.clock.after(delayMs, () => {
      this.#timer = this.#after(this.#fetch() ? PAUSE_MS : PERIOD_MS)
    })
  }

  /** @returns whether there is more */
  #fetch(workMs = MOST_WORK_MS): boolean {
    const { clock, plane } = this.#ports
    const until = clock.now() + workMs
    for (;;) {
      const records = plane.records(BATCH)
      for (const record of records) this.#log(record)
      if (records.length < BATCH) return false
      if (clock.now() >= until) return true
    }
  }

  #log(record: SessionRecord): void {
    const { service } = this.#ports.names(record.service, -1)
    const { service: backend, server } = this.#ports.names(record.backend, record.server)
    const config = this.#services.get(service)
    const names = { service, backend, server, listener: placeOf(record.listener, config) }
    const accepted = new Date(record.acceptedAtMs)
    const line = config?.logFormat === 'tcplog' ? tcplogLine(record, names, accepted) : null
    this.#ports.log.record({ scope: 'session', ...sessionFields(record, names, accepted) }, 'session ended', line)
    this.#sessions++
  }

  #tellDrops(): void {
    const { sessions_dropped, lines_dropped } = this.status(this.#ports.plane.counters())
    const now = { sessions_dropped, lines_dropped }
    if (now.sessions_dropped === this.#told.sessions_dropped && now.lines_dropped === this.#told.lines_dropped) return
    if (this.#throttle.pass('') === undefined) return
    this.#ports.log.warn(
      {
        sessions: now.sessions_dropped - this.#told.sessions_dropped,
        lines: now.lines_dropped - this.#told.lines_dropped
      },
      'the log is incomplete: more was to be written than could be'
    )
    Object.assign(this.#told, now)
  }
}

/** Of a unix socket, its place among the service's listeners, from 1 on. */
function placeOf(listener: string, config: ServiceConfig | undefined): number {
  const binds = config?.bind ?? []
  const exact = binds.findIndex((bind) => bind.kind === 'unix' && listener.endsWith(bind.path))
  return Math.max(0, exact < 0 ? binds.findIndex(({ kind }) => kind === 'unix') : exact) + 1
}
