import type { Clock } from '../base/clock.js'
import { type Addon, DESCRIPTORS_EACH } from './addon.js'

/** What a message is: a JSON value, or a piece of bytes with descriptors. */
export type ChannelMessage =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'piece'; readonly bytes: Buffer; readonly descriptors: readonly number[] }

/** What one message takes at the most: the kernel's limit of descriptors, and well under the addon's of bytes. */
const PIECE_BYTES = 64 * 1024
const LOOK_MS = 2
const JSON_MARK = 0
const PIECE_MARK = 1

/** Messages between two vipd of one host, over one end of the addon's `openPair`. Nothing waits for longer than it is told to. */
export class Channel {
  readonly #addon: Pick<Addon, 'sendMessage' | 'receiveMessage' | 'closeDescriptors'>
  readonly #clock: Pick<Clock, 'now' | 'after'>
  readonly #descriptor: number

  constructor(
    addon: Pick<Addon, 'sendMessage' | 'receiveMessage' | 'closeDescriptors'>,
    clock: Pick<Clock, 'now' | 'after'>,
    descriptor: number
  ) {
    this.#addon = addon
    this.#clock = clock
    this.#descriptor = descriptor
  }

  /** At most 64 KiB of JSON; more goes as pieces. Rejects when the other side is gone or does not read in time. */
  tell(value: unknown, withinMs: number): Promise<void> {
    const text = Buffer.from(JSON.stringify(value))
    return this.#send(Buffer.concat([Buffer.of(JSON_MARK), text]), [], this.#clock.now() + withinMs)
  }

  /** Bytes and descriptors of any number, in pieces; the descriptors stay open here. */
  async pour(bytes: Buffer, descriptors: readonly number[], withinMs: number): Promise<void> {
    const until = this.#clock.now() + withinMs
    for (let at = 0, used = 0; at < bytes.length || used < descriptors.length; ) {
      const piece = bytes.subarray(at, at + PIECE_BYTES)
      const some = descriptors.slice(used, used + DESCRIPTORS_EACH)
      await this.#send(Buffer.concat([Buffer.of(PIECE_MARK), piece]), some, until)
      at += piece.length
      used += some.length
    }
  }

  /** The next message. Rejects when the other side is gone, or says nothing in time. */
  async next(withinMs: number): Promise<ChannelMessage> {
    const until = this.#clock.now() + withinMs
    for (;;) {
      const got = this.#addon.receiveMessage(this.#descriptor)
      if (got !== undefined) {
        const bytes = got.bytes.subarray(1)
        if (got.bytes[0] === PIECE_MARK) return { kind: 'piece', bytes, descriptors: got.descriptors }
        this.#addon.closeDescriptors(got.descriptors)
        return { kind: 'json', value: JSON.parse(bytes.toString('utf8')) as unknown }
      }
      if (this.#clock.now() >= until) throw new Error(`it said nothing within ${withinMs} ms`)
      await this.#pause()
    }
  }

  /** What `pour` sent: exactly so many bytes and descriptors. Rejects with everything that came closed. */
  async collect(
    bytes: number,
    descriptors: number,
    withinMs: number
  ): Promise<{ bytes: Buffer; descriptors: number[] }> {
    const until = this.#clock.now() + withinMs
    const pieces: Buffer[] = []
    const collected: number[] = []
    let size = 0
    try {
      while (size < bytes || collected.length < descriptors) {
        const message = await this.next(Math.max(0, until - this.#clock.now()))
        if (message.kind !== 'piece') throw new Error('it said something else in between')
        collected.push(...message.descriptors)
        pieces.push(message.bytes)
        size += message.bytes.length
      }
      if (size !== bytes || collected.length !== descriptors) throw new Error('it sent more than it had said')
    } catch (error) {
      this.#addon.closeDescriptors(collected)
      throw error
    }
    return { bytes: Buffer.concat(pieces), descriptors: collected }
  }

  close(): void {
    this.#addon.closeDescriptors([this.#descriptor])
  }

  async #send(bytes: Buffer, descriptors: readonly number[], until: number): Promise<void> {
    while (!this.#addon.sendMessage(this.#descriptor, bytes, descriptors)) {
      if (this.#clock.now() >= until) throw new Error('it does not read what it is told')
      await this.#pause()
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(LOOK_MS, resolve)
    })
  }
}
