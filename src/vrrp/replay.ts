import { compareStamps, type Stamp, stampMs } from './stamp.js'

/** Of how many senders it is known what they said last. */
const MAX_SOURCES = 64

/**
 * Finds adverts that were heard before: for each sender and key the newest stamp is remembered, and what is not newer
 * is refused. Asked only after `verify`, so nobody without a key can fill it.
 *
 * - Beyond 64 senders the one that was silent longest is forgotten. What could then be replayed is no older than the
 *   time window, and its sender has been silent: a live one is heard, and so remembered, every interval.
 * - A change of keys forgets nothing: each key has its own entry, and the old one keeps guarding the old key's adverts.
 * - After a restart nothing is known: for one window, an advert of that window can be replayed.
 * - A stamp further in the future than the window was taken before our clock was set back. It would silence its sender
 *   until time has caught up, so it is forgotten.
 */
export class Replay {
  /** In the order of last hearing: Map keeps the order in which keys were put in. */
  readonly #sources = new Map<string, Map<number, Stamp>>()

  /** Remembers a stamp and gives undefined, or refuses it. `nowMs` and `windowMs` are those that it was verified with. */
  check(
    source: string,
    keyId: number,
    stamp: Stamp,
    { nowMs, windowMs }: { readonly nowMs: number; readonly windowMs: number }
  ): 'auth_replay' | undefined {
    const keys = this.#sources.get(source) ?? new Map<number, Stamp>()
    const newest = keys.get(keyId)
    const isBelievable = newest !== undefined && stampMs(newest) - nowMs <= windowMs
    if (isBelievable && compareStamps(stamp, newest) <= 0) return 'auth_replay'
    keys.set(keyId, stamp)
    this.#sources.delete(source)
    this.#sources.set(source, keys)
    if (this.#sources.size > MAX_SOURCES) {
      for (const oldest of this.#sources.keys()) {
        this.#sources.delete(oldest)
        break
      }
    }
    return undefined
  }

  /** Senders remembered. */
  get size(): number {
    return this.#sources.size
  }
}
