/** A master heard within this many of its intervals is alive. */
const ALIVE_INTERVALS = 1.5
/** Adverts in a row of each before two masters are more than a change of hands. */
const ENOUGH = 3
const MOST = 8

/** Who advertises itself as master: finds two that do so at the same time, for longer than a change of hands takes. */
export class Sightings {
  readonly #masters = new Map<string, { lastAt: number; count: number }>()

  /** @returns another master that goes on beside this one */
  note(source: string, atMs: number, intervalMs: number): string | undefined {
    for (const [address, { lastAt }] of this.#masters)
      if (atMs - lastAt > ALIVE_INTERVALS * intervalMs) this.#masters.delete(address)
    const own = this.#masters.get(source) ?? { lastAt: atMs, count: 0 }
    this.#masters.delete(source)
    this.#masters.set(source, { lastAt: atMs, count: own.count + 1 })
    const [oldest] = this.#masters.keys()
    if (this.#masters.size > MOST && oldest !== undefined) this.#masters.delete(oldest)
    const other = [...this.#masters].find(([address, { count }]) => address !== source && count >= ENOUGH)
    return own.count + 1 >= ENOUGH ? other?.[0] : undefined
  }
}
