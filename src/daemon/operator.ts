import type {
  KillQuery,
  KillVerdict,
  OrderVerdict,
  ServerName,
  SessionQuery,
  SessionsVerdict
} from '../admin/status.js'
import type { Clock } from '../base/clock.js'
import type { History } from '../base/history.js'
import type { Log } from '../base/log.js'
import { unknownNameHint } from '../config/hints.js'
import type { LiveSession, NativeDataPlane, SessionFilter } from '../os/plane.js'
import type { ServerOrder } from '../proxy/orders.js'
import { sessionId } from '../proxy/session-log.js'
import { sessionView } from '../proxy/session-view.js'
import type { Services } from './services.js'

export interface OperatorPorts {
  readonly services: Pick<Services, 'order' | 'names' | 'idsOf' | 'list'>
  readonly plane: Pick<NativeDataPlane, 'sessions' | 'kill' | 'counters'>
  readonly clock: Clock
  readonly history: Pick<History, 'add'>
  readonly log: Log
  readonly today: () => Date
}

/** A worker that has not told of its sessions by then is not waited for. */
const ANSWER_MS = 2000
/** Sessions of each thread that are read at once: the main loop has other things to do. */
const CHUNK = 2000
/** More rounds than it takes to end a million sessions. */
const MOST_ROUNDS = 512
const MOST_LISTED = 65_536
const SLOW = { ok: false, error: 'the data plane does not tell of its sessions: see `vipd status`' } as const

/** What the operator may ask while vipd runs: orders to servers, living sessions and their end. */
export class Operator {
  readonly #ports: OperatorPorts

  constructor(ports: OperatorPorts) {
    this.#ports = ports
  }

  order({ service, server }: ServerName, order: ServerOrder): OrderVerdict {
    const verdict = this.#ports.services.order(service, server, order)
    if (!verdict.ok) return verdict
    const asked = order.kind === 'state' ? { state: order.state } : { weight: order.weight }
    this.#tell('server order', service, { server, ...asked, status: verdict.status })
    return verdict
  }

  async sessions({ service, server, limit }: SessionQuery): Promise<SessionsVerdict> {
    const ids = this.#idsOf(service, server)
    if (typeof ids === 'string') return { ok: false, error: ids }
    const found = await this.#read({ ...ids, quietMs: 0, most: limit })
    if (found === undefined) return SLOW
    const { services } = this.#ports
    const names = (of: number, one: number) => services.names(of, one)
    const sessions = found.slice(0, limit).map((one) => sessionView(one, names))
    return { ok: true, sessions, total: Math.max(sessions.length, this.#total(ids)) }
  }

  async kill(query: KillQuery): Promise<KillVerdict> {
    switch (query.kind) {
      case 'ids':
        return this.#killIds(query.ids)
      case 'server':
        return this.#killServer(query)
    }
  }

  async #killIds(ids: readonly number[]): Promise<KillVerdict> {
    const found = await this.#read({ service: -1, server: -1, quietMs: 0, most: MOST_LISTED })
    if (found === undefined) return SLOW
    const alive = new Set(found.map(({ id }) => id))
    const ending = ids.filter((id) => alive.has(id))
    for (const id of ending) this.#ports.plane.kill(id, 0)
    if (ending.length > 0)
      this.#tell('sessions ended', undefined, { sessions: ending.map(sessionId).slice(0, 10), ended: ending.length })
    return { ok: true, ended: ending.length, unknown: ids.filter((id) => !alive.has(id)).map(sessionId) }
  }

  /** In rounds, until none is left that was not asked to end: those that come meanwhile are the server's new ones. */
  async #killServer({ service, server }: ServerName): Promise<KillVerdict> {
    const ids = this.#idsOf(service, server)
    if (typeof ids === 'string') return { ok: false, error: ids }
    const asked = new Set<number>()
    const since = this.#ports.clock.now()
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const found = await this.#read({ ...ids, quietMs: 0, most: CHUNK })
      if (found === undefined) return SLOW
      const age = this.#ports.clock.now() - since
      const fresh = found.filter(({ id, ageMs }) => !asked.has(id) && ageMs >= age)
      if (fresh.length === 0) break
      for (const { id } of fresh) {
        asked.add(id)
        this.#ports.plane.kill(id, 0)
      }
    }
    if (asked.size > 0) this.#tell('sessions ended', service, { server, ended: asked.size })
    return { ok: true, ended: asked.size, unknown: [] }
  }

  /** Oldest first, of all threads; undefined: not in time. */
  #read(filter: SessionFilter): Promise<readonly LiveSession[] | undefined> {
    const { plane, clock } = this.#ports
    return new Promise((resolve) => {
      const timer = clock.after(ANSWER_MS, () => resolve(undefined))
      const end = (sessions: readonly LiveSession[] | undefined): void => {
        timer.cancel()
        resolve(sessions)
      }
      try {
        plane.sessions(filter, end)
      } catch {
        // Too many questions wait for their answers.
        end(undefined)
      }
    })
  }

  #total({ service, server }: Pick<SessionFilter, 'service' | 'server'>): number {
    const counted = this.#ports.plane.counters().services.filter(({ id }) => service < 0 || id === service)
    const currents = counted.flatMap(({ current, servers }) =>
      server < 0 ? [current] : servers.filter(({ id }) => id === server).map((one) => one.current)
    )
    return currents.reduce((sum, current) => sum + current, 0)
  }

  /** @returns a sentence where there is no such name */
  #idsOf(service: string | null, server: string | null): Pick<SessionFilter, 'service' | 'server'> | string {
    const { services } = this.#ports
    const ids = services.idsOf(service ?? undefined, server ?? undefined)
    if (ids !== undefined) return ids
    const known = services.list.find(({ name }) => name === service)
    if (known === undefined) {
      const hint = unknownNameHint(service ?? '', new Set(services.list.map(({ name }) => name)), 'proxy')
      return `there is no service ${service}: ${hint}`
    }
    const hint = unknownNameHint(server ?? '', new Set(known.serverNames), 'servers')
    return `${service} has no server ${server}: ${hint}`
  }

  #tell(event: 'server order' | 'sessions ended', instance: string | undefined, facts: Record<string, unknown>): void {
    const { history, log, today } = this.#ports
    const service = instance === undefined ? {} : { service: instance }
    if (event === 'server order') log.info({ ...service, ...facts }, 'server order of the operator')
    else log.info({ ...service, ...facts }, 'sessions ended by the operator')
    const named = instance === undefined ? {} : { instance }
    history.add({ at: today().toISOString(), level: 'info', scope: 'proxy', ...named, event, facts })
  }
}
