import { randomUUID } from 'node:crypto'
import type { Clock, Timer } from '../base/clock.js'
import type { Log } from '../base/log.js'
import { Throttle } from '../base/throttle.js'
import type { GlobalConfig } from '../config/global-schema.js'
import type { SendMail } from '../os/mail.js'
import type { NotifyCounters } from './counters.js'
import { bodyOf, subjectOf } from './mail-text.js'
import type { Transition } from './transition.js'

export interface MailPorts {
  readonly clock: Clock
  readonly log: Log
  readonly sendMail: SendMail
}

interface Mail {
  readonly subject: string
  readonly text: string
  readonly date: Date
  readonly messageId: string
}

const MAX_WAITING = 100
/** Before the second and the third attempt: the network may be moving with the address. */
const PAUSES_MS = [10_000, 60_000]

/**
 * Mails transitions, in their order and over one connection at a time: three attempts each, 10 s and 60 s apart, fewer
 * when the server says no for good. When more than 100 wait the oldest is dropped. Nobody ever waits for it.
 */
export class Mailer {
  readonly #node: string
  readonly #ports: MailPorts
  readonly #counters: NotifyCounters
  readonly #warnings: Throttle
  /** What was mailed last, by kind and name: without mail on faults, BACKUP, FAULT, BACKUP is no news. */
  readonly #mailed = new Map<string, string>()
  readonly #waiting: Mail[] = []
  readonly #hurry = new AbortController()
  #global: GlobalConfig
  #isStopping = false
  #work: Promise<void> | undefined
  #pause: { readonly timer: Timer; readonly end: () => void } | undefined

  constructor(global: GlobalConfig, node: string, ports: MailPorts, counters: NotifyCounters) {
    this.#global = global
    this.#node = node
    this.#ports = ports
    this.#counters = counters
    this.#warnings = new Throttle(ports.clock)
  }

  /** What waits goes to the new server and the new recipients. */
  configure(global: GlobalConfig): void {
    this.#global = global
  }

  /**
   * Mails this, if mail is configured and it is news. As with keepalived, the first BACKUP of all is none, nor is a state
   * that was the last one to be mailed.
   */
  add(transition: Transition): void {
    const { mail, routerId } = this.#global
    if (this.#isStopping || mail.server === null || mail.to.length === 0) return
    const key = `${transition.kind} ${transition.name}`
    if (transition.to === 'FAULT' && mail.noFaults) return
    if (transition.to === (this.#mailed.get(key) ?? 'BACKUP')) return
    if (transition.to === 'STOP') this.#mailed.delete(key)
    else this.#mailed.set(key, transition.to)
    this.#waiting.push({
      subject: subjectOf(transition, routerId ?? this.#node),
      text: bodyOf(transition, this.#node),
      date: transition.at,
      messageId: `<${randomUUID()}@${this.#node}>`
    })
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift()
      this.#counters.dropped++
      this.#warn({}, 'a mail was dropped: too many wait')
    }
    this.#work ??= this.#sendAll()
  }

  /** Tries once what is left. Never rejects; bounded by `abandon`. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#pause?.end()
    await this.#work
  }

  /** Gives up all that is left. */
  abandon(): void {
    const left = this.#waiting.splice(0).length
    this.#counters.dropped += left
    if (left > 0) this.#ports.log.warn({ mails: left }, 'mails were not sent: vipd stops')
    this.#hurry.abort()
  }

  async #sendAll(): Promise<void> {
    for (let mail = this.#waiting.shift(); mail !== undefined; mail = this.#waiting.shift()) await this.#send(mail)
    this.#work = undefined
  }

  async #send(mail: Mail): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const { server, to, from, heloName, connectTimeoutMs } = this.#global.mail
      if (server === null || to.length === 0) {
        // Taken out of the configuration since.
        this.#counters.dropped++
        return
      }
      const settings = { ...server, heloName: heloName ?? this.#node, connectTimeoutMs, signal: this.#hurry.signal }
      const result = await this.#ports.sendMail(settings, { ...mail, from: from ?? `vipd@${this.#node}`, to })
      if (result.ok) {
        this.#counters.mails_sent++
        if (result.rejected.length > 0) this.#warn({ rejected: result.rejected }, 'the mail server refused a recipient')
        return
      }
      const pauseMs = PAUSES_MS[attempt]
      if (result.isPermanent || pauseMs === undefined || this.#isStopping) {
        this.#counters.mails_failed++
        this.#warn({ ...server, detail: result.detail, attempts: attempt + 1 }, 'a mail could not be sent')
        return
      }
      await this.#wait(pauseMs)
    }
  }

  #wait(pauseMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel()
        this.#pause = undefined
        resolve()
      }
      const timer = this.#ports.clock.after(pauseMs, end)
      this.#pause = { timer, end }
    })
  }

  #warn(facts: object, message: string): void {
    const suppressed = this.#warnings.pass(message)
    if (suppressed !== undefined) this.#ports.log.warn({ ...facts, suppressed }, message)
  }
}
