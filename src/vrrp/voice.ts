import type { VrrpConfig } from '../config/schema.js'
import { passwordBytes } from './advert.js'
import { Beat } from './beat.js'
import type { InstancePorts, InstanceSetup } from './instance-ports.js'
import { type Datagram, datagrams } from './outbox.js'
import { ownAdvert } from './own-advert.js'
import type { Local } from './receive.js'
import { stallMs } from './timing.js'

/** What the voice has to know at the moment of speaking. */
export interface Speaker {
  readonly setup: () => InstanceSetup
  readonly source: () => string
  /** The effective priority. */
  readonly priority: () => number
  /** An advert is due, where the main loop sends them. */
  readonly onDue: () => void
  /** The thread does not take an advert: the main loop sends it. */
  readonly onError: (error: string) => void
}

/** What an instance says on the wire: one advert at once, or one on time, again and again. */
export class Voice {
  readonly #ports: Pick<InstancePorts, 'wire' | 'sender' | 'id' | 'clock'>
  readonly #speaker: Speaker
  readonly #beat: Beat
  #native: unknown
  #source: string | undefined
  #sent = 0
  #zeroSent = 0

  constructor(ports: Pick<InstancePorts, 'wire' | 'sender' | 'id' | 'clock'>, speaker: Speaker) {
    this.#ports = ports
    this.#speaker = speaker
    const onDue = (): void => {
      // Timers run before sockets are read: a better one may have deposed this master.
      ports.wire.drain()
      speaker.onDue()
    }
    this.#beat = new Beat({ ...ports, onDue, onError: speaker.onError })
  }

  /** When the last advert of a mastership left, by whoever sent it. */
  get lastSentAt(): number {
    return this.#beat.lastSentAt
  }

  /** What was said so far, and how late at the worst; null where no thread sends. */
  get facts(): {
    readonly sent: number
    readonly zeroSent: number
    readonly errors: number
    readonly worstLatenessMs: number | null
  } {
    const onTime = this.#beat.onTime
    return {
      sent: this.#sent + (onTime?.sent ?? 0),
      zeroSent: this.#zeroSent,
      errors: this.#ports.wire.sendErrors + (onTime?.errors ?? 0),
      worstLatenessMs: onTime?.worstLatenessMs ?? null
    }
  }

  /** Says it now. @param isMaster it is the word of one who stays master */
  say(priority: number, isMaster: boolean): void {
    // The thread says nothing any more when priority 0 leaves: it would call the mastership back.
    if (priority === 0) this.#beat.stop()
    const isSent = this.#ports.wire.send(this.#datagrams(priority, 0))
    if (isSent) this.#sent++
    if (isSent && priority === 0) this.#zeroSent++
    if (isMaster) this.#beat.noteSent()
  }

  /** Says it on time from now on, first after this. */
  start(afterMs: number): void {
    const { config, signature } = this.#speaker.setup()
    this.#beat.start({
      afterMs,
      intervalMs: config.advertIntMs,
      silenceMs: stallMs(config),
      make: (inMs) => this.#datagrams(this.#speaker.priority(), inMs),
      signedAheadMs: signature?.aheadMs ?? null
    })
  }

  stop(): void {
    this.#beat.stop()
  }

  /** Goes on with what is different now: keys, or a socket that was opened anew, which is another one for the thread too. */
  refresh(): void {
    this.#native = this.#ports.wire.native
    this.#beat.refresh()
  }

  /** The wire may have been opened anew, and adverts may come from another address. */
  follow(source: string | undefined): void {
    const isSame = this.#ports.wire.native === this.#native && source === this.#source
    this.#source = source
    if (!isSame) this.refresh()
  }

  #datagrams(priority: number, inMs: number): Datagram[] {
    const { config, signature } = this.#speaker.setup()
    return datagrams(config, ownAdvert(config, passwordOf(config), priority), this.#speaker.source(), signature, inMs)
  }
}

/** What an instance accepts. */
export function localOf({ config, signature }: InstanceSetup): Local {
  const { version, virtualRouterId: vrid, advertIntMs, unicast } = config
  return { version, vrid, advertIntMs, password: passwordOf(config), unicast, signature }
}

const passwordOf = ({ authentication }: VrrpConfig): Uint8Array | null =>
  authentication === null ? null : passwordBytes(authentication.pass)
