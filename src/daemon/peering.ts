import { peerViewOf } from '../admin/peer-view.js'
import type { Status } from '../admin/status.js'
import type { Clock } from '../base/clock.js'
import type { Log } from '../base/log.js'
import type { Config } from '../config/schema.js'
import type { Addon } from '../os/addon.js'
import type { NativeDataPlane } from '../os/plane.js'
import { clientsAt } from '../peers/endpoints.js'
import type { Clients } from '../peers/message.js'
import { Peers, type PeersStatus } from '../peers/peers.js'
import { Tickler } from '../peers/tickler.js'
import { virtualAddresses } from './election.js'

export interface PeeringPorts {
  readonly addon: Pick<Addon, 'sendIp'>
  readonly clock: Clock
  readonly log: Log
  readonly plane: Pick<NativeDataPlane, 'endpoints'>
  readonly version: string
  readonly status: () => Promise<Status>
}

/** What this node and the others are to each other: it tells them what it is, and its clients by whom it was taken over. */
export class Peering {
  readonly #ports: PeeringPorts
  readonly #peers: Peers
  readonly #tickler: Tickler
  #virtual: ReadonlySet<string> = new Set()

  constructor(ports: PeeringPorts) {
    const { addon, clock, log, version } = ports
    this.#ports = ports
    this.#peers = new Peers({
      clock,
      log,
      version,
      today: () => new Date(),
      view: async () => peerViewOf(await ports.status()),
      clients: (most) => this.#clients(most)
    })
    this.#tickler = new Tickler({ clock, log, send: (packets) => sendAll(addon, packets) })
  }

  configure(config: Pick<Config, 'vrrp' | 'peers'>, key: Uint8Array | null): void {
    this.#virtual = virtualAddresses(config)
    this.#peers.configure(config.peers, key)
  }

  /** These addresses were another node's a moment ago, and so were its clients: their connections are gone. */
  held(addresses: readonly string[]): void {
    this.#tickler.tell(this.#peers.clientsOf(new Set(addresses)))
  }

  status(): PeersStatus | null {
    return this.#peers.status(this.#tickler.sent)
  }

  stop(): void {
    this.#peers.stop()
    this.#tickler.stop()
  }

  #clients(most: number): Promise<readonly Clients[]> {
    return new Promise((resolve) => {
      try {
        this.#ports.plane.endpoints(most, (endpoints) => resolve(clientsAt(endpoints, this.#virtual)))
      } catch {
        // Too many questions wait for their answers: next time.
        resolve([])
      }
    })
  }
}

/** One that cannot go (no route to a client that is gone) keeps none of the others. */
function sendAll(addon: Pick<Addon, 'sendIp'>, packets: readonly Uint8Array[]): number {
  let sent = 0
  let error: unknown
  for (const packet of packets) {
    try {
      addon.sendIp(Buffer.from(packet.buffer, packet.byteOffset, packet.length))
      sent++
    } catch (thrown) {
      error = thrown
    }
  }
  if (sent === 0 && error !== undefined) throw error
  return sent
}
