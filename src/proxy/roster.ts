import { formatHostPort } from '../base/ip.js'
import type { ServerConfig } from '../config/schema.js'
import type { ServerCounters } from '../os/plane.js'
import { estateOf, inherited, type ServerEstate, serverEstate } from './estate.js'
import { Member, type MemberPorts, type OnMove } from './member.js'
import { newServer, type Server } from './pool.js'

/** A server that is no longer configured, until its last session has ended. */
export interface Leaving {
  readonly server: Server
  readonly sinceMs: number
}

/** Identities that the data plane knows. */
const IDS = 65_536
/** Names of servers that are gone, for records of sessions that come late. */
const MOST_REMEMBERED = 256
/** Workers may still be on their way to a server that was just taken out. */
const LEAST_LEAVING_MS = 1000

/** The servers of a service, those that leave, and who is who over reloads. */
export class Roster {
  readonly #ports: MemberPorts
  readonly #onMove: OnMove
  #members: readonly Member[] = []
  #leaving: readonly Leaving[] = []
  readonly #names = new Map<number, string>()
  #nextId = 0
  #isStarted = false
  /** What the process before this one knew of servers that are not here yet. */
  #estate: readonly ServerEstate[]

  constructor(ports: MemberPorts, onMove: OnMove, estate: readonly ServerEstate[] = []) {
    this.#ports = ports
    this.#onMove = onMove
    this.#estate = estate
  }

  /** What is known of them, for the process that comes after. */
  get estate(): readonly ServerEstate[] {
    return this.#members.map(({ server }) => serverEstate(server))
  }

  get servers(): readonly Server[] {
    return this.#members.map(({ server }) => server)
  }

  get leaving(): readonly Leaving[] {
    return this.#leaving
  }

  find(name: string): Member | undefined {
    return this.#members.find(({ server }) => server.config.name === name)
  }

  byId(id: number): Member | undefined {
    return this.#members.find(({ server }) => server.id === id)
  }

  /** The name of a server that is here or was not long ago. */
  nameOf(id: number): string | undefined {
    return this.#names.get(id)
  }

  /**
   * Puts these servers in force. A server is the same one while its address is: under its name, or under another that
   * is new. What is known of it stays; all others begin anew, and those that are not named any more leave.
   */
  configure(configs: readonly ServerConfig[]): void {
    const stays = pair(this.#members, configs)
    const kept = new Set(stays.values())
    const gone = this.#members.filter((member) => !kept.has(member))
    for (const member of gone) member.stop()
    const sinceMs = this.#ports.clock.now()
    this.#leaving = [...this.#leaving, ...gone.map(({ server }) => ({ server, sinceMs }))]
    this.#members = configs.map((config) => {
      const member = stays.get(config)
      if (member === undefined) return new Member(this.#newServer(config), this.#ports, this.#onMove)
      member.configure(config)
      return member
    })
    this.#estate = []
    for (const { server } of this.#members) this.#remember(server)
    if (this.#isStarted) for (const member of this.#members) member.start()
  }

  start(): void {
    this.#isStarted = true
    for (const member of this.#members) member.start()
  }

  stop(): void {
    this.#isStarted = false
    for (const member of this.#members) member.stop()
  }

  /** Lets go of servers whose last session has ended. @returns those */
  release(counters: readonly ServerCounters[]): readonly Leaving[] {
    const until = this.#ports.clock.now() - LEAST_LEAVING_MS
    const hasSessions = ({ server }: Leaving): boolean =>
      (counters.find(({ id }) => id === server.id)?.current ?? 0) > 0
    const stays = this.#leaving.filter((one) => one.sinceMs > until || hasSessions(one))
    const released = this.#leaving.filter((one) => !stays.includes(one))
    this.#leaving = stays
    return released
  }

  #newServer(config: ServerConfig): Server {
    const today = this.#ports.today()
    const estate = estateOf(this.#estate, config)
    if (estate !== undefined) return inherited(config, estate, today)
    return newServer(this.#newId(), config, today, this.#isStarted)
  }

  #newId(): number {
    const used = new Set([
      ...this.#members.map(({ server }) => server.id),
      ...this.#leaving.map(({ server }) => server.id),
      ...this.#estate.map(({ id }) => id)
    ])
    let id = this.#nextId
    while (used.has(id)) id = (id + 1) % IDS
    this.#nextId = (id + 1) % IDS
    return id
  }

  #remember({ id, config }: Server): void {
    this.#names.delete(id)
    this.#names.set(id, config.name)
    const here = this.#members.length + this.#leaving.length
    for (const old of [...this.#names.keys()].slice(0, Math.max(0, this.#names.size - here - MOST_REMEMBERED)))
      if (this.byId(old) === undefined) this.#names.delete(old)
  }
}

/** Which configuration is that of which member: same name and address; else same address, which is another name for it. */
function pair(members: readonly Member[], configs: readonly ServerConfig[]): Map<ServerConfig, Member> {
  const left = new Set(members)
  const pairs = new Map<ServerConfig, Member>()
  const match = (config: ServerConfig, isSame: (one: ServerConfig) => boolean): void => {
    if (pairs.has(config)) return
    const found = [...left].find(
      ({ server }) => addressOf(server.config) === addressOf(config) && isSame(server.config)
    )
    if (found === undefined) return
    pairs.set(config, found)
    left.delete(found)
  }
  for (const config of configs) match(config, ({ name }) => name === config.name)
  for (const config of configs) match(config, ({ name }) => configs.every((one) => one.name !== name))
  return pairs
}

const addressOf = ({ address }: ServerConfig): string => formatHostPort(address)
