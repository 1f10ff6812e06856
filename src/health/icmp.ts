import { randomBytes } from 'node:crypto'
import type { Clock, Timer } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import { canonicalAddress, type Family, familyOf } from '../base/ip.js'
import type { IcmpSocket, OpenIcmp } from '../os/icmp.js'
import { type Probe, SOCKERR } from './checker.js'
import { echoReply, echoRequest, type Token } from './icmp-echo.js'

/** A question that is not answered yet. */
interface Outstanding {
  readonly address: string
  readonly token: Token
  readonly finish: (code: string, detail: string) => void
  readonly giveUp: () => void
}

/** Questions at once; as many again are refused before a sequence number could come twice. */
const MAX_OUTSTANDING = 16_384
/** What of a refusal is about this host. */
const LOCAL = /buffer space|memory|too many open files|operation not permitted/i

/** Pings for all checks: one socket for each family, opened when it is first needed. */
export class Pinger {
  readonly #clock: Clock
  readonly #open: OpenIcmp
  /** Tells our replies from those of other programs, which every raw socket hears. */
  readonly #secret = randomBytes(8)
  readonly #id = this.#secret.readUInt16BE(0)
  readonly #sockets = new Map<Family, IcmpSocket>()
  readonly #outstanding = new Map<number, Outstanding>()
  #sequence = 0

  constructor(clock: Clock, open: OpenIcmp) {
    this.#clock = clock
    this.#open = open
  }

  /** Questions that wait for an answer. */
  get outstanding(): number {
    return this.#outstanding.size
  }

  /** Gives up all that waits and closes the sockets; the next question opens them again. */
  close(): void {
    for (const question of [...this.#outstanding.values()]) question.giveUp()
    for (const socket of this.#sockets.values()) socket.close()
    this.#sockets.clear()
  }

  /**
   * Layer 3 as keepalived's users know it: an echo request, and its reply is ready. Answers exactly once.
   * @returns gives it up: no answer comes after it
   */
  ping(host: string, timeoutMs: number, done: Parameters<Probe>[1]): () => void {
    const startedAt = this.#clock.now()
    const sequence = this.#nextSequence()
    let timer: Timer | undefined
    const forget = (): void => {
      timer?.cancel()
      if (this.#outstanding.get(sequence ?? -1) === question) this.#outstanding.delete(sequence ?? -1)
    }
    let isOver = false
    const finish = (code: string, detail: string): void => {
      if (isOver) return
      isOver = true
      forget()
      done({ isOk: code === 'L3OK', code, detail, tookMs: this.#clock.now() - startedAt })
    }
    const giveUp = (): void => {
      isOver = true
      forget()
    }
    const token = { id: this.#id, sequence: sequence ?? 0, secret: this.#secret }
    const question: Outstanding = { address: canonicalAddress(host) ?? host, token, finish, giveUp }
    const family = familyOf(host)
    if (family === undefined) finish(SOCKERR, `${host} is no address`)
    else if (sequence === undefined) finish(SOCKERR, 'too many pings wait for their answers')
    else {
      this.#outstanding.set(sequence, question)
      // After a stall of ours the reply may lie unread when the timer fires.
      timer = this.#clock.after(timeoutMs, () =>
        this.#clock.afterInput(() => finish('L3TOUT', `no reply within ${Math.round(timeoutMs)} ms`))
      )
      this.#send(family, question)
    }
    return giveUp
  }

  #send(family: Family, { address, token, finish }: Outstanding): void {
    try {
      this.#socket(family).send(echoRequest(family, token), address, (message) =>
        finish(LOCAL.test(message) ? SOCKERR : 'L3CON', message)
      )
    } catch (error) {
      finish(SOCKERR, `no socket for ICMP: ${messageOf(error)}`)
    }
  }

  #socket(family: Family): IcmpSocket {
    const known = this.#sockets.get(family)
    if (known !== undefined) return known
    const socket = this.#open(family, {
      onReply: (message, source) => this.#onReply(family, message, source),
      // Those that wait run into their deadlines; the next question opens another one.
      onClosed: () => this.#sockets.delete(family)
    })
    this.#sockets.set(family, socket)
    return socket
  }

  #onReply(family: Family, message: Buffer, source: string): void {
    const token = echoReply(family, message)
    const question = token === undefined ? undefined : this.#outstanding.get(token.sequence)
    if (token === undefined || question === undefined) return
    const isOurs = token.id === this.#id && token.secret.equals(this.#secret)
    if (isOurs && canonicalAddress(source) === question.address) question.finish('L3OK', '')
  }

  /** One that nobody waits for. undefined: too many wait. */
  #nextSequence(): number | undefined {
    if (this.#outstanding.size >= MAX_OUTSTANDING) return undefined
    do this.#sequence = (this.#sequence + 1) & 0xffff
    while (this.#outstanding.has(this.#sequence))
    return this.#sequence
  }
}

/** One server, pinged. */
export function icmpProbe(pinger: Pinger, host: string): Probe {
  let giveUp: (() => void) | undefined
  const probe = (timeoutMs: number, done: Parameters<Probe>[1]): void => {
    giveUp?.()
    giveUp = pinger.ping(host, timeoutMs, done)
  }
  return Object.assign(probe, { close: () => giveUp?.() })
}
