import type { ServerResponse } from 'node:http'
import { type Clock, systemClock, type Timer } from '../base/clock.js'
import type { Control } from './status.js'

const EVERY_MS = 1000
/** Pages that are open at once. */
const MAX_VIEWERS = 16
/** What a viewer has not read yet; beyond it, it is let go: it comes back by itself. */
const MAX_UNREAD_BYTES = 1 << 20

interface Viewer {
  readonly response: ServerResponse
  /** Number of the last event that it was told. */
  since: number
}

/**
 * Status each second, and events as they come, to every open page (server-sent events). One status for all of them,
 * none while nobody looks.
 */
export class Live {
  readonly #control: Pick<Control, 'status' | 'events'>
  readonly #clock: Pick<Clock, 'every'>
  readonly #onError: (error: unknown) => void
  readonly #viewers = new Set<Viewer>()
  #timer: Timer | undefined
  #isTelling = false

  constructor(
    control: Pick<Control, 'status' | 'events'>,
    onError: (error: unknown) => void,
    clock: Pick<Clock, 'every'> = systemClock
  ) {
    this.#control = control
    this.#onError = onError
    this.#clock = clock
  }

  /** @param since number of the last event that the page knows @returns false: there are too many already */
  add(response: ServerResponse, since: number): boolean {
    if (this.#viewers.size >= MAX_VIEWERS) return false
    const viewer = { response, since }
    this.#viewers.add(viewer)
    response.once('close', () => {
      this.#viewers.delete(viewer)
      if (this.#viewers.size === 0) this.#rest()
    })
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.write('retry: 1000\n\n')
    this.#timer ??= this.#clock.every(EVERY_MS, () => this.#tell())
    this.#tell()
    return true
  }

  /** Lets every page go: it comes back by itself. */
  close(): void {
    for (const { response } of this.#viewers) response.destroy()
  }

  #rest(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #tell(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    this.#control
      .status()
      .then((status) => {
        const text = message('status', { ...status, at: new Date().toISOString() })
        for (const viewer of this.#viewers) this.#write(viewer, text)
      })
      .catch(this.#onError)
      .finally(() => {
        this.#isTelling = false
      })
  }

  #write(viewer: Viewer, status: string): void {
    const { response } = viewer
    if (response.writableLength > MAX_UNREAD_BYTES) {
      response.destroy()
      return
    }
    const events = this.#control.events(viewer.since)
    if (events.length > 0) response.write(message('events', events))
    viewer.since = events.at(-1)?.seq ?? viewer.since
    response.write(status)
  }
}

/** JSON has no line breaks, so it is one line of data. */
const message = (event: string, data: unknown): string => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
