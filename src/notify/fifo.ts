import { constants, type Stats } from 'node:fs'
import { type FileHandle, open, stat, unlink } from 'node:fs/promises'
import type { Clock } from '../base/clock.js'
import { errnoOf, messageOf } from '../base/errors.js'
import type { Log } from '../base/log.js'
import { Throttle } from '../base/throttle.js'
import type { Run } from '../os/exec.js'
import type { Credentials } from '../os/users.js'
import type { NotifyCounters } from './counters.js'

export interface FifoPorts {
  readonly clock: Clock
  readonly log: Log
  readonly run: Run
  /** Who gets a FIFO that we make: whoever scripts run as, as with keepalived. */
  readonly user: () => Credentials | undefined
}

/** Far below PIPE_BUF: a line is written whole or not at all. */
const MAX_LINE_BYTES = 256
const MAX_WAITING = 64
const MKFIFO_TIMEOUT_MS = 2000

/** What makes a FIFO unfit; anything else is a bug or the system's. */
class Unfit extends Error {}

/**
 * One FIFO that is told of transitions. Made when missing (0600, removed in the end), open for as long as we live: lines
 * wait in the pipe until somebody reads. A line that finds it full or unfit is dropped, counted, and warned of once a
 * minute. Nobody ever waits for it.
 */
export class Fifo {
  readonly path: string
  readonly #ports: FifoPorts
  readonly #counters: NotifyCounters
  readonly #warnings: Throttle
  readonly #waiting: string[] = []
  #pipe: { readonly handle: FileHandle; readonly stats: Stats } | undefined
  #isOurs = false
  #isClosed = false
  #work: Promise<void>

  /** @param after what has to end first: an earlier one of the same path that is being closed */
  constructor(path: string, ports: FifoPorts, counters: NotifyCounters, after: Promise<void> = Promise.resolve()) {
    this.path = path
    this.#ports = ports
    this.#counters = counters
    this.#warnings = new Throttle(ports.clock)
    // At once, so that readers find it.
    this.#work = after.then(async () => {
      const failure = await this.#try(() => this.#reach())
      if (failure !== undefined) this.#warn(failure, 'the notify FIFO cannot be used')
    })
  }

  /** Lines are written in this order. */
  write(line: string): void {
    if (this.#isClosed) return
    if (Buffer.byteLength(line) > MAX_LINE_BYTES) this.#drop('the line is too long')
    else if (this.#waiting.length >= MAX_WAITING) this.#drop('too many lines wait')
    else {
      this.#waiting.push(line)
      this.#work = this.#work.then(() => this.#writeNext())
    }
  }

  /** Resolves when all lines are written or dropped, and the FIFO is closed, and removed if we made it. Never rejects. */
  close(): Promise<void> {
    if (this.#isClosed) return this.#work
    this.#isClosed = true
    this.#work = this.#work.then(() => this.#end())
    return this.#work
  }

  async #writeNext(): Promise<void> {
    const line = this.#waiting.shift() ?? ''
    const failure = await this.#try(async () => {
      const handle = await this.#reach()
      await handle.write(line)
    })
    if (failure === undefined) this.#counters.fifo_lines++
    else this.#drop(failure)
  }

  async #end(): Promise<void> {
    await this.#try(async () => {
      const pipe = this.#pipe
      this.#pipe = undefined
      if (pipe === undefined) return
      const isThere = this.#isOurs && isSame(pipe.stats, await stat(this.path))
      await pipe.handle.close()
      if (isThere) await unlink(this.path)
    })
  }

  /** The open FIFO at our path: another one has been put there, or none is left, if somebody tidied up. */
  async #reach(): Promise<FileHandle> {
    const found = await this.#find()
    if (!found.isFIFO()) throw new Unfit('there is something that is no FIFO')
    if (this.#pipe !== undefined && isSame(this.#pipe.stats, found)) return this.#pipe.handle
    await this.#pipe?.handle.close()
    this.#pipe = undefined
    // For reading too: so it opens without a reader, and keeps what is written until one comes.
    const handle = await open(this.path, constants.O_RDWR | constants.O_NONBLOCK)
    const stats = await handle.stat()
    if (!stats.isFIFO()) {
      await handle.close()
      throw new Unfit('there is something that is no FIFO')
    }
    this.#pipe = { handle, stats }
    if (this.#isOurs) await this.#giveAway(handle)
    return handle
  }

  async #find(): Promise<Stats> {
    try {
      const found = await stat(this.path)
      if (this.#pipe !== undefined && !isSame(this.#pipe.stats, found)) this.#isOurs = false
      return found
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
    const made = await this.#ports.run(['mkfifo', '-m', '0600', this.path], { timeoutMs: MKFIFO_TIMEOUT_MS })
    if (!made.ok) throw new Unfit(`it cannot be made: ${made.output.trim() || made.detail}`)
    this.#isOurs = true
    return stat(this.path)
  }

  async #giveAway(handle: FileHandle): Promise<void> {
    const { uid, gid } = this.#ports.user() ?? {}
    if (uid === undefined || gid === undefined) return
    const failure = await this.#try(() => handle.chown(uid, gid))
    if (failure !== undefined) this.#warn(failure, 'the notify FIFO cannot be given to the user of the scripts')
  }

  /** @returns what went wrong */
  async #try(what: () => Promise<unknown>): Promise<string | undefined> {
    try {
      await what()
      return undefined
    } catch (error) {
      if (error instanceof Unfit) return error.message
      if (errnoOf(error) === '') throw error
      return errnoOf(error) === 'EAGAIN' ? 'it is full: nobody reads it' : messageOf(error)
    }
  }

  #drop(why: string): void {
    this.#counters.fifo_dropped++
    this.#warn(why, 'a line was not written to the notify FIFO')
  }

  #warn(why: string, message: string): void {
    const suppressed = this.#warnings.pass(message)
    if (suppressed !== undefined) this.#ports.log.warn({ path: this.path, why, suppressed }, message)
  }
}

const isSame = (one: Stats, other: Stats): boolean => one.dev === other.dev && one.ino === other.ino
