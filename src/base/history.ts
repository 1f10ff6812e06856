/** Something that changed, kept for `vipd events`. Field names are API. */
export interface HistoryEvent {
  /** Rises by one with each event. */
  readonly seq: number
  /** ISO 8601, UTC. */
  readonly at: string
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly scope: 'vrrp' | 'proxy' | 'daemon'
  /** The instance's or service's name, where it is of one. */
  readonly instance?: string
  readonly event: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** The last events, oldest first; beyond `size` the oldest is dropped. */
export class History {
  readonly #size: number
  readonly #ring: HistoryEvent[] = []
  #next: number

  /** @param first number of the first event: one that rises from start to start lets a reader notice nothing of a restart */
  constructor(size = 1000, first = 1) {
    this.#size = size
    this.#next = first
  }

  /** Number of the last event; one less than the first one's while there is none. */
  get last(): number {
    return this.#next - 1
  }

  /** What an earlier process kept, oldest first: it comes before all of this one's, whose numbers go on from there. Before the first event only. */
  restore(events: readonly HistoryEvent[]): void {
    if (this.#ring.length > 0) throw new Error('there are events already')
    for (const event of events.slice(-this.#size)) {
      if (event.seq < this.#next) continue
      this.#ring[event.seq % this.#size] = event
      this.#next = event.seq + 1
    }
  }

  /** Keeps an event and gives it its number. */
  add(event: Omit<HistoryEvent, 'seq'>): HistoryEvent {
    const numbered = { seq: this.#next++, ...event }
    this.#ring[numbered.seq % this.#size] = numbered
    return numbered
  }

  /**
   * The events after number `seq`, oldest first, the first `limit` of them. A number that was never given (a reader
   * from before a restart) gets everything.
   */
  since(seq: number, limit = this.#size): readonly HistoryEvent[] {
    const from = seq >= this.#next ? Number.NEGATIVE_INFINITY : seq
    const events: HistoryEvent[] = []
    for (let at = Math.max(from + 1, this.#next - this.#size); at < this.#next && events.length < limit; at++) {
      const event = this.#ring[at % this.#size]
      // In a place that was never filled there may be an older one.
      if (event?.seq === at) events.push(event)
    }
    return events
  }
}
