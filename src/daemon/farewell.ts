import type { Clock, Timer } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import type { Log } from '../base/log.js'
import type { VrrpConfig } from '../config/schema.js'
import type { NativeDataPlane } from '../os/plane.js'
import { addressesOf } from '../vrrp/addresses.js'
import type { Transition } from '../vrrp/instance-ports.js'

export interface FarewellPorts {
  readonly plane: Pick<NativeDataPlane, 'resetAt'>
  readonly clock: Pick<Clock, 'after'>
  readonly log: Log
}

/** The addresses do not wait longer for their clients to be told. */
const MOST_MS = 250
/** A fault may be over before a peer has missed three adverts: sessions live on if the address comes back until then. */
const ADVERTS_MISSED = 4
const GRACE_MS = 5000

/**
 * Clients whose virtual address leaves this node are told, by a reset, while it is still here to say so: they connect anew at
 * once, where the new master would only answer those that speak. With a fault (no link, say) nobody would hear it: their
 * sessions end when the address has been gone for so long that somebody else must have it.
 */
export class Farewell {
  readonly #ports: FarewellPorts
  readonly #waiting = new Map<string, Timer>()

  constructor(ports: FarewellPorts) {
    this.#ports = ports
  }

  /** Resolves when the clients of these addresses have been told, and after a quarter of a second anyway. Never rejects. */
  tell(addresses: readonly string[]): Promise<void> {
    const { plane, clock, log } = this.#ports
    return new Promise((resolve) => {
      const late = clock.after(MOST_MS, resolve)
      try {
        plane.resetAt(addresses, (sessions) => {
          late.cancel()
          if (sessions > 0) log.info({ addresses, sessions }, 'clients were told that their address goes')
          resolve()
        })
      } catch (error) {
        late.cancel()
        log.warn({ addresses, error: messageOf(error) }, 'clients cannot be told that their address goes')
        resolve()
      }
    })
  }

  onTransition(config: VrrpConfig, { from, to }: Pick<Transition, 'from' | 'to'>): void {
    if (to === 'MASTER' || to === 'INIT') this.#forget(config.name)
    if (from !== 'MASTER' || to !== 'FAULT') return
    const lapse = (): void => {
      this.#waiting.delete(config.name)
      void this.tell(addressesOf(config).map(({ address }) => address))
    }
    this.#waiting.set(config.name, this.#ports.clock.after(ADVERTS_MISSED * config.advertIntMs + GRACE_MS, lapse))
  }

  #forget(name: string): void {
    this.#waiting.get(name)?.cancel()
    this.#waiting.delete(name)
  }
}
