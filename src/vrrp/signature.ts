import type { Family } from '../base/ip.js'
import type { VrrpConfig } from '../config/schema.js'
import { defaultWindowMs, type HmacKey, sign, TRAILER_BYTES, verify } from './hmac.js'
import type { Signing } from './outbox.js'
import type { Packet, SignatureCheck } from './receive.js'
import { Replay } from './replay.js'
import { Stamper } from './stamp.js'

/** How long before they leave adverts are signed at the most; and always well inside the window of those who hear them. */
const MOST_AHEAD_MS = 1500

/** What an instance signs with and whom it believes (auth_hmac). Lives as long as the instance: a change of keys forgets no sender. */
export class Signature implements Signing, SignatureCheck {
  readonly #nowUtcMs: () => number
  readonly #stamper = new Stamper(() => this.#windowMs)
  readonly #replay = new Replay()
  #config: VrrpConfig
  #keys: readonly HmacKey[]

  /** @param nowUtcMs wall time: it is compared with another node's */
  constructor(config: VrrpConfig, keys: readonly HmacKey[], nowUtcMs: () => number) {
    this.#config = config
    this.#keys = keys
    this.#nowUtcMs = nowUtcMs
  }

  /** Other keys, from now on. */
  configure(config: VrrpConfig, keys: readonly HmacKey[]): void {
    this.#config = config
    this.#keys = keys
  }

  get aheadMs(): number {
    return Math.min(MOST_AHEAD_MS, this.#windowMs / 3)
  }

  sign(payload: Uint8Array, source: string, inMs: number): Uint8Array {
    const { family, version, virtualRouterId: vrid, authHmac } = this.#config
    const key = this.#keys.find(({ id }) => id === authHmac?.activeKey)
    if (key === undefined) return payload
    return sign(payload, { family, version, vrid, source }, key, this.#stamper.stampAt(this.#nowUtcMs() + inMs))
  }

  check({ payload, source }: Packet): ReturnType<SignatureCheck['check']> {
    const { authHmac } = this.#config
    const family: Family = source.includes(':') ? 6 : 4
    const time = { nowMs: this.#nowUtcMs(), windowMs: this.#windowMs }
    const verified = verify(payload, { family, source }, { keys: this.#keys, ...time })
    if (!verified.ok) {
      const isTaken = verified.why === 'auth_missing' && authHmac?.mode === 'permissive'
      return isTaken ? { ok: true, trailerBytes: 0 } : verified
    }
    const why =
      authHmac?.antiReplay === false ? undefined : this.#replay.check(source, verified.keyId, verified.stamp, time)
    return why === undefined ? { ok: true, trailerBytes: TRAILER_BYTES } : { ok: false, why }
  }

  get #windowMs(): number {
    return this.#config.authHmac?.timeWindowMs ?? defaultWindowMs(this.#config.advertIntMs)
  }
}
