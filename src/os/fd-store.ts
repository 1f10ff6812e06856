import type { Clock } from '../base/clock.js'
import { type Addon, DESCRIPTORS_EACH } from './addon.js'
import { Channel } from './channel.js'

type Native = Pick<Addon, 'sendDescriptors' | 'openPair' | 'sendMessage' | 'receiveMessage' | 'closeDescriptors'>

const LOOK_MS = 2
/** Says that the store is there, and how much it takes: FileDescriptorStoreMax= of the unit. */
const CAPACITY = 'VIPD_FD_STORE'

/**
 * The service manager's store of descriptors (FDSTORE=1): what is in it stays open over a restart of the service, and
 * comes back as LISTEN_FDS. Only where the unit says how much it takes.
 */
export class FdStore {
  readonly #addon: Native
  readonly #clock: Clock
  readonly #socket: string
  readonly capacity: number

  constructor(addon: Native, clock: Clock, environment: NodeJS.ProcessEnv) {
    this.#addon = addon
    this.#clock = clock
    this.#socket = environment['NOTIFY_SOCKET'] ?? ''
    const most = Number(environment[CAPACITY] ?? 0)
    this.capacity = this.#socket !== '' && Number.isSafeInteger(most) && most > 0 ? most : 0
  }

  /** Copies of these, under a name. Rejects when they do not fit in time. They are not polled: what has ended stays, too. */
  async put(name: string, descriptors: readonly number[], untilMs: number): Promise<void> {
    for (let at = 0; at < descriptors.length; at += DESCRIPTORS_EACH)
      await this.#send(`FDSTORE=1\nFDNAME=${name}\nFDPOLL=0`, descriptors.slice(at, at + DESCRIPTORS_EACH), untilMs)
  }

  /** Resolves when the manager has read everything that was sent to it. */
  async settled(untilMs: number): Promise<void> {
    const [ours, theirs] = this.#addon.openPair()
    const channel = new Channel(this.#addon, this.#clock, ours)
    try {
      await this.#send('BARRIER=1', [theirs], untilMs)
      this.#addon.closeDescriptors([theirs])
      // It closes what it got: that is the answer.
      const answer = await channel.next(Math.max(0, untilMs - this.#clock.now())).catch((error: unknown) => error)
      if (answer instanceof Error && 'code' in answer && answer.code === 'ECONNRESET') return
      throw new Error('the service manager does not answer')
    } finally {
      channel.close()
    }
  }

  /** What has this name is closed there. */
  async remove(name: string, untilMs: number): Promise<void> {
    await this.#send(`FDSTOREREMOVE=1\nFDNAME=${name}`, [], untilMs)
  }

  async #send(text: string, descriptors: readonly number[], untilMs: number): Promise<void> {
    while (!this.#addon.sendDescriptors(this.#socket, Buffer.from(text), descriptors)) {
      if (this.#clock.now() >= untilMs) throw new Error('the service manager does not take what it is sent')
      await new Promise<void>((resolve) => {
        this.#clock.after(LOOK_MS, resolve)
      })
    }
  }
}
