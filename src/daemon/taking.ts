import type { Clock } from '../base/clock.js'
import { VipdError } from '../base/errors.js'
import type { Addon } from '../os/addon.js'
import { Channel } from '../os/channel.js'
import type { NativeDataPlane } from '../os/plane.js'
import type { InheritedSockets } from '../proxy/listeners.js'
import { type Announced, type Estate, FORMAT, INHERITED, wordOf } from './estate.js'

const ESTATE_MS = 10_000
const GO_MS = 10_000
/** More than this no estate has: the peer is mad. */
const MOST_BYTES = 1 << 30

/** What came from the process before this one, and is not touched before it has let go. */
export interface Legacy {
  readonly estate: Estate
  readonly sessions: Buffer
  /** Of listeners, by `estate.places`; then of sessions. */
  readonly descriptors: readonly number[]
}

/** The other end of `give`: takes over from the process that started this one. Throws a VipdError when it does not come to that. */
export class Taking {
  readonly #addon: Pick<Addon, 'handoverFormat'>
  readonly #channel: Channel

  constructor(addon: Addon, clock: Pick<Clock, 'now' | 'after'>, descriptor: number) {
    this.#addon = addon
    this.#channel = new Channel(addon, clock, descriptor)
  }

  /** Says that we can, and gets everything. */
  async receive(version: string): Promise<Legacy> {
    try {
      const sessions = this.#addon.handoverFormat
      await this.#channel.tell({ type: 'ready', format: FORMAT, sessions, version }, ESTATE_MS)
      const first = await this.#channel.next(ESTATE_MS)
      const word = first.kind === 'json' ? (wordOf(first.value, 'estate') as Announced | undefined) : undefined
      if (word === undefined) throw new Error('it sent no estate')
      const { estateBytes, sessionBytes, descriptors } = word
      if (!(estateBytes + sessionBytes <= MOST_BYTES)) throw new Error('its estate has no end')
      const all = await this.#channel.collect(estateBytes + sessionBytes, descriptors, ESTATE_MS)
      const estate = JSON.parse(all.bytes.toString('utf8', 0, estateBytes)) as Estate
      return { estate, sessions: all.bytes.subarray(estateBytes), descriptors: all.descriptors }
    } catch (error) {
      throw failed(error)
    }
  }

  /** Says that we have it, and waits until nobody else has. */
  async untilGo(): Promise<void> {
    try {
      await this.#channel.tell({ type: 'have' }, GO_MS)
      const go = await this.#channel.next(GO_MS)
      if (go.kind !== 'json' || wordOf(go.value, 'go') === undefined) throw new Error('it said something else')
    } catch (error) {
      throw failed(error)
    } finally {
      this.#channel.close()
    }
  }
}

const failed = (error: unknown): VipdError =>
  new VipdError('TAKE_OVER_FAILED', 'this process was to take over from another vipd, which did not give', {}, error)

/** Before services listen: the sockets that they find instead of opening their own. */
export function offerListeners({ estate, descriptors }: Legacy, plane: Pick<NativeDataPlane, 'offer'>): void {
  for (const [i, place] of estate.places.entries()) {
    const descriptor = descriptors[i]
    if (descriptor !== undefined && !place.startsWith(INHERITED)) plane.offer(place, descriptor)
  }
}

/** What the service manager had handed over to the process before this one: no other has it. */
export function inheritedBefore({ estate, descriptors }: Legacy): InheritedSockets {
  const sockets = new Map<string, readonly number[]>()
  for (const [i, place] of estate.places.entries()) {
    const descriptor = descriptors[i]
    if (descriptor === undefined || !place.startsWith(INHERITED)) continue
    const name = place.slice(INHERITED.length)
    sockets.set(name, [...(sockets.get(name) ?? []), descriptor])
  }
  return sockets
}

/** When services are published: their sessions go on. */
export function adoptSessions(
  { estate, sessions, descriptors }: Legacy,
  plane: Pick<NativeDataPlane, 'adopt' | 'closeOffers'>
): void {
  plane.adopt(sessions, descriptors.slice(estate.places.length))
  plane.closeOffers()
}
