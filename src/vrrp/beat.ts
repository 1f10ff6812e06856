import type { Clock, Timer } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import type { NativeAdvertSender } from '../os/addon.js'
import type { Datagram } from './outbox.js'
import type { Wire } from './wire.js'

export interface BeatPorts {
  readonly clock: Clock
  readonly wire: Pick<Wire, 'native'>
  /** The thread that sends on time; null: the main loop does it. */
  readonly sender: Pick<NativeAdvertSender, 'plan' | 'clear' | 'state'> | null
  /** The instance's number at the sender. */
  readonly id: number
  /** Where the main loop sends: an advert is due. */
  readonly onDue: () => void
  /** The thread does not take a plan: the main loop sends the next advert. */
  readonly onError: (error: string) => void
}

export interface BeatPlan {
  /** The first advert is due after this, … */
  readonly afterMs: number
  /** … each further one this long after the one before was sent. */
  readonly intervalMs: number
  /** After this long without one nothing more is sent: a peer may have taken over. */
  readonly silenceMs: number
  /** The datagrams of the advert that leaves in so many milliseconds. */
  readonly make: (inMs: number) => readonly Datagram[]
  /** Each advert is made for its time, so far ahead, and cannot be sent twice; null: all are alike. */
  readonly signedAheadMs: number | null
}

/** Signed adverts are made anew six times in the time that they are made ahead: the sender has some left while the main loop lives. */
const SIGNINGS = 6
const MOST_AHEAD = 160

/**
 * The adverts of a master, on time: given to a thread of the addon, which goes on while the main loop is busy for a
 * moment. It carries out the one transition of the machine that must not wait: MASTER, advert timer, advertise.
 */
export class Beat {
  readonly #ports: BeatPorts
  #plan: BeatPlan | null = null
  #startedAt = Number.NEGATIVE_INFINITY
  /** When the main loop sent one itself. */
  #noted = Number.NEGATIVE_INFINITY
  #timer: Timer | undefined

  constructor(ports: BeatPorts) {
    this.#ports = ports
  }

  /** When the last advert left, by whoever sent it. */
  get lastSentAt(): number {
    return Math.max(this.#noted, this.#native?.lastSentAtMs ?? Number.NEGATIVE_INFINITY)
  }

  /** Adverts that the thread has sent and that the kernel refused it, and how late it was at the worst. */
  get onTime(): { readonly sent: number; readonly errors: number; readonly worstLatenessMs: number } | null {
    const state = this.#native
    return state === undefined
      ? null
      : { sent: state.sent, errors: state.errors, worstLatenessMs: state.worstLatenessMs }
  }

  /** The main loop has just sent one. */
  noteSent(): void {
    this.#noted = this.#ports.clock.now()
  }

  start(plan: BeatPlan): void {
    this.#plan = plan
    this.#startedAt = this.#ports.clock.now()
    this.#load(plan, this.#startedAt + plan.afterMs)
  }

  /** The same schedule with other adverts, or over another socket. */
  refresh(): void {
    const plan = this.#plan
    if (plan === null) return
    const { lastSentAt } = this
    const dueAt = lastSentAt > this.#startedAt ? lastSentAt + plan.intervalMs : this.#startedAt + plan.afterMs
    this.#load(plan, dueAt)
  }

  /** When it returns nothing more leaves. */
  stop(): void {
    this.#plan = null
    this.#timer?.cancel()
    this.#ports.sender?.clear(this.#ports.id)
  }

  get #native(): ReturnType<NativeAdvertSender['state']> {
    return this.#ports.sender?.state(this.#ports.id)
  }

  #load(plan: BeatPlan, dueAt: number): void {
    const { clock, sender, wire, id, onDue } = this.#ports
    this.#timer?.cancel()
    if (sender === null || wire.native === undefined) {
      this.#timer = clock.after(dueAt - clock.now(), onDue)
      return
    }
    const now = clock.now()
    const { intervalMs, silenceMs } = plan
    const aheadMs = plan.signedAheadMs
    const count = aheadMs === null ? 1 : Math.min(MOST_AHEAD, Math.ceil(aheadMs / intervalMs) + 1)
    const adverts = Array.from({ length: count }, (_, i) =>
      plan.make(Math.max(0, dueAt - now) + i * intervalMs).map(({ payload, ...to }) => ({
        payload: Buffer.from(payload),
        ...to
      }))
    )
    try {
      const sinceMs = Math.max(this.lastSentAt, 0)
      const repeat = aheadMs === null
      sender.plan(id, { socket: wire.native, adverts, repeat, firstAtMs: dueAt, intervalMs, silenceMs, sinceMs })
    } catch (error) {
      // No descriptor is left, for one: then the main loop sends, which is late at the worst.
      sender.clear(id)
      this.#ports.onError(messageOf(error))
      this.#timer = clock.after(dueAt - clock.now(), onDue)
      return
    }
    if (aheadMs !== null) this.#timer = clock.after(aheadMs / SIGNINGS, () => this.refresh())
  }
}
