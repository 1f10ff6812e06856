import { conditionWords } from './condition-words.js'

export { conditionOf, detailOf, type Refusal } from './condition-words.js'

/** What may be wrong between this node and its peers, for diagnosis; none of it moves a timer. Names are API. */
export const CONDITION_NAMES = [
  'foreign-vrid',
  'address-list-mismatch',
  'version-mismatch',
  'interval-mismatch',
  'password-mismatch',
  'ttl',
  'checksum',
  'no-adverts-heard',
  'one-way',
  'two-masters',
  'duplicate-owner',
  'duplicate-address',
  'unknown-peer'
] as const

export type ConditionName = (typeof CONDITION_NAMES)[number]

/** A condition as `vipd status` tells it. Field names are API. */
export interface ConditionStatus {
  readonly name: ConditionName
  readonly since: string
  readonly last_seen: string
  readonly count: number
  readonly peer: { readonly address: string; readonly mac: string | null } | null
  readonly detail: string
  /** What it means and what to do. */
  readonly mend: string
}

/** A condition that is over, and how long it lasted. */
export interface Ended {
  readonly condition: ConditionStatus
  readonly lastedMs: number
}

/** What was seen, and of whom. */
export interface Sighting {
  /** The peer; none where it is of nobody in particular. */
  readonly address?: string | null
  readonly mac?: string | null
  readonly detail: string
  /** Wall time, for printing alone. */
  readonly at: Date
  /** How long it lasts unless it is seen again. @default 60000 */
  readonly ttlMs?: number
}

interface Entry {
  readonly name: ConditionName
  readonly address: string | null
  readonly startMs: number
  readonly since: Date
  mac: string | null
  detail: string
  count: number
  lastSeen: Date
  untilMs: number
}

const TTL_MS = 60_000
/** Peers told apart for each name; who comes later is counted in the last of them. */
const MAX_PEERS = 16

/**
 * The conditions of one instance: a level for each name and peer, which starts when it is first seen and ends when it
 * is cleared or not seen again in time. Pure: `now` is the caller's monotonic clock. The caller logs what starts
 * (`raise` says 'new') and what ends (`clear`, `expire` give it back), and calls `expire` every second or so.
 */
export class Conditions {
  /** By name, then by address ('' is nobody). */
  readonly #entries = new Map<ConditionName, Map<string, Entry>>()

  /** It is so, as of now. */
  raise(now: number, name: ConditionName, sighting: Sighting): 'new' | 'known' {
    const { address = null, mac = null, detail, at, ttlMs = TTL_MS } = sighting
    const peers = this.#entries.get(name) ?? new Map<string, Entry>()
    this.#entries.set(name, peers)
    const own = peers.get(address ?? '')
    const known = own ?? (peers.size < MAX_PEERS ? undefined : [...peers.values()].at(-1))
    if (known === undefined) {
      const start = { name, address, startMs: now, since: at, mac, detail }
      peers.set(address ?? '', { ...start, count: 1, lastSeen: at, untilMs: now + ttlMs })
      return 'new'
    }
    known.count++
    known.lastSeen = at
    known.untilMs = Math.max(known.untilMs, now + ttlMs)
    if (own !== undefined) {
      own.detail = detail
      own.mac = mac ?? own.mac
    }
    return 'known'
  }

  /** It is not so any more: of this peer (null: of nobody in particular), or without one, of all. */
  clear(now: number, name: ConditionName, address?: string | null): readonly Ended[] {
    return this.#end(now, (entry) => entry.name === name && (address === undefined || entry.address === address))
  }

  /** What has not been seen again in time is over. */
  expire(now: number): readonly Ended[] {
    return this.#end(now, (entry) => entry.untilMs <= now)
  }

  /** A peer's MAC address, learnt later than its packets. */
  setMac(address: string, mac: string): void {
    for (const entry of this.#all()) if (entry.address === address) entry.mac = mac
  }

  /** Addresses of peers whose MAC is not known: whom to ask the kernel's neighbour table for. */
  get withoutMac(): readonly string[] {
    return [...new Set(this.#all().flatMap(({ address, mac }) => (address !== null && mac === null ? [address] : [])))]
  }

  has(name: ConditionName): boolean {
    return (this.#entries.get(name)?.size ?? 0) > 0
  }

  /** What is so, the oldest first. */
  list(): readonly ConditionStatus[] {
    return this.#all()
      .sort((left, right) => left.startMs - right.startMs)
      .map(statusOf)
  }

  #all(): Entry[] {
    return [...this.#entries.values()].flatMap((peers) => [...peers.values()])
  }

  #end(now: number, isOver: (entry: Entry) => boolean): readonly Ended[] {
    const over = this.#all().filter(isOver)
    for (const { name, address } of over) this.#entries.get(name)?.delete(address ?? '')
    return over.map((entry) => ({ condition: statusOf(entry), lastedMs: now - entry.startMs }))
  }
}

const statusOf = ({ name, since, lastSeen, count, address, mac, detail }: Entry): ConditionStatus => ({
  name,
  since: since.toISOString(),
  last_seen: lastSeen.toISOString(),
  count,
  peer: address === null ? null : { address, mac },
  detail,
  mend: conditionWords[name]
})
