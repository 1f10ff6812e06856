import type { Clock, Timer } from '../base/clock.js'
import { formatHostPort, type HostPort, parseHostPort } from '../base/ip.js'
import type { Log } from '../base/log.js'
import { Throttle } from '../base/throttle.js'
import type { PeersConfig } from '../config/schema.js'
import { Door, REFUSALS, type Refusal } from './door.js'
import { Link } from './link.js'
import { type Clients, endpointBytes, type Message, type PeerView } from './message.js'

export interface PeersPorts {
  readonly clock: Clock
  readonly log: Log
  readonly version: string
  /** Wall time, for people alone. */
  readonly today: () => Date
  /** What this node is now. */
  readonly view: () => Promise<PeerView>
  /** The clients of the virtual addresses that this node holds, at most so many. */
  readonly clients: (most: number) => Promise<readonly Clients[]>
}

/** A peer as status shows it. Field names are API. */
export interface PeerStatus {
  readonly address: string
  /** What it said last; null: nothing yet. */
  readonly view: PeerView | null
  /** When it was last heard; null: never. */
  readonly heard_at: string | null
  /** It was heard a moment ago. */
  readonly is_heard: boolean
  /** Why it cannot be told anything; null: it can. */
  readonly error: string | null
  /** Clients of its virtual addresses that it has told of. */
  readonly clients: number
}

/** The channel as status shows it. */
export interface PeersStatus {
  readonly listen: string
  /** Why nobody can come in; null: they can. */
  readonly error: string | null
  /** Who was not listened to, by why. */
  readonly refused: Readonly<Record<Refusal, number>>
  /** Times that clients of another node, whose address was taken over, were told that their connections are gone. */
  readonly tickled: number
  readonly nodes: readonly PeerStatus[]
}

const VIEW_MS = 2000
/** Clients are told again this often, and more rarely where there are many: 5 s for 20,000. */
const CLIENTS_MS = 1000
const CLIENTS_EACH_MS = 0.25
export const MOST_CLIENTS = 65_536
/** A peer that was not heard for this long is not shown as being there. */
const HEARD_MS = 5000
/** … and after this long its connection is made anew. */
const SILENT_MS = 10_000
/** What a peer said of its clients is believed for this long after it fell silent. */
const CLIENTS_KEPT_MS = 60_000

interface Node {
  readonly link: Link
  view: PeerView | null
  heardAt: Date | null
  /** Monotonic. */
  heardMs: number
  clients: readonly Clients[]
}

/** The other nodes: what they are, who their clients are; and the same of this one for them. */
export class Peers {
  readonly #ports: PeersPorts
  readonly #throttle: Throttle
  readonly #refused = Object.fromEntries(REFUSALS.map((one) => [one, 0])) as Record<Refusal, number>
  readonly #nodes = new Map<string, Node>()
  #door: Door | undefined
  #own: HostPort | undefined
  #signature = ''
  #error: string | null = null
  #viewTimer: Timer | undefined
  #clientsTimer: Timer | undefined
  #isTelling = false
  /** What the peers were told last; undefined: somebody was told nothing yet. */
  #lastClients: string | undefined

  constructor(ports: PeersPorts) {
    this.#ports = ports
    this.#throttle = new Throttle(ports.clock)
  }

  /** Puts a configuration in force; the same one changes nothing. @param key null: there is no channel */
  configure(config: PeersConfig | null, key: Uint8Array | null): void {
    const signature = config === null || key === null ? '' : JSON.stringify([config, Buffer.from(key).toString('hex')])
    if (signature === this.#signature) return
    this.stop()
    this.#signature = signature
    if (config === null || key === null) return
    const { listen: own, nodes: peers } = config
    this.#own = own
    for (const peer of peers) {
      const link = new Link({ own, peer, key }, { ...this.#ports, onChange: () => this.#greet() })
      this.#nodes.set(formatHostPort(peer), { link, view: null, heardAt: null, heardMs: -Infinity, clients: [] })
    }
    this.#door = new Door(
      { own, peers, key },
      {
        onMessage: (peer, message) => this.#hear(peer, message),
        onRefused: (why, from, detail) => this.#refuse(why, from, detail),
        onState: (error) => this.#doorIs(error)
      }
    )
    this.#viewTimer = this.#ports.clock.every(VIEW_MS, () => this.#beat())
    this.#tellClients()
  }

  /** What status shows; null: there is no channel. @param tickled words to clients of nodes whose addresses were taken over */
  status(tickled: number): PeersStatus | null {
    if (this.#own === undefined) return null
    const now = this.#ports.clock.now()
    const nodes = [...this.#nodes].map(([address, { link, view, heardAt, heardMs, clients }]) => ({
      address,
      view,
      heard_at: heardAt?.toISOString() ?? null,
      is_heard: now - heardMs < HEARD_MS,
      error: link.error,
      clients: clients.reduce((sum, { listener, endpoints }) => sum + endpoints.length / endpointBytes(listener), 0)
    }))
    return { listen: formatHostPort(this.#own), error: this.#error, refused: { ...this.#refused }, tickled, nodes }
  }

  /** The clients that other nodes have told of, of listeners at these addresses: theirs, until this node took over. */
  clientsOf(addresses: ReadonlySet<string>): readonly Clients[] {
    const now = this.#ports.clock.now()
    return [...this.#nodes.values()]
      .filter(({ heardMs }) => now - heardMs < CLIENTS_KEPT_MS)
      .flatMap(({ clients }) => clients.filter(({ listener }) => addresses.has(parseHostPort(listener)?.host ?? '')))
  }

  stop(): void {
    this.#viewTimer?.cancel()
    this.#clientsTimer?.cancel()
    for (const { link } of this.#nodes.values()) link.close()
    this.#nodes.clear()
    this.#door?.close()
    this.#door = undefined
    this.#own = undefined
    this.#signature = ''
    this.#error = null
    this.#lastClients = undefined
  }

  #hear(peer: string, message: Message): void {
    const node = this.#nodes.get(peer)
    if (node === undefined) return
    node.heardAt = this.#ports.today()
    node.heardMs = this.#ports.clock.now()
    if (message.type === 'view') node.view = message.view
    if (message.type === 'clients') node.clients = message.of
  }

  #refuse(why: Refusal, from: string, detail: string): void {
    this.#refused[why]++
    if (this.#throttle.pass(why) !== undefined)
      this.#ports.log.warn({ why, from, detail }, 'peer channel: not listened to')
  }

  #doorIs(error: string | null): void {
    if (error !== null && this.#throttle.pass('door') !== undefined)
      this.#ports.log.warn({ error }, 'peer channel cannot listen')
    this.#error = error
  }

  /** A link has just opened: the peer knows nothing yet. */
  #greet(): void {
    this.#lastClients = undefined
    this.#beat()
  }

  #beat(): void {
    // Its address may have come only now.
    this.#door?.open()
    for (const { link, heardMs } of this.#nodes.values()) link.doubt(heardMs, SILENT_MS)
    if (this.#isTelling || !this.#isHeardByAny) return
    this.#isTelling = true
    void this.#ports
      .view()
      .then((view) => this.#send({ type: 'view', view }))
      .finally(() => {
        this.#isTelling = false
      })
  }

  /** Only when they are others than last time, and somebody is there to be told. */
  #tellClients(): void {
    const signature = this.#signature
    const again = (bytes: number): void => {
      const afterMs = CLIENTS_MS + (bytes / 6) * CLIENTS_EACH_MS
      this.#clientsTimer = this.#ports.clock.after(afterMs, () => this.#tellClients())
    }
    if (!this.#isHeardByAny) {
      again(0)
      return
    }
    void this.#ports.clients(MOST_CLIENTS).then((of) => {
      if (signature !== this.#signature) return
      const said = of
        .map(({ listener, endpoints }) => `${listener} ${Buffer.from(endpoints).toString('latin1')}`)
        .join(' ')
      if (said !== this.#lastClients && this.#send({ type: 'clients', of })) this.#lastClients = said
      again(said.length)
    })
  }

  get #isHeardByAny(): boolean {
    return [...this.#nodes.values()].some(({ link }) => link.isOpen)
  }

  /** @returns every peer that can be told anything took it */
  #send(message: Message): boolean {
    const open = [...this.#nodes.values()].filter(({ link }) => link.isOpen)
    return open.map(({ link }) => link.send(message)).every((isSent) => isSent)
  }
}
