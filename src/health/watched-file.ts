import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Clock } from '../base/clock.js'
import { errnoOf, messageOf } from '../base/errors.js'

/** A file as it was last readable, and why it no longer is. */
export interface Seen {
  /** undefined: it never was. */
  readonly bytes: Buffer | undefined
  /** Another one whenever `bytes` is. */
  readonly version: number
  /** Why it cannot be read now; undefined when it can. */
  readonly problem: string | undefined
}

/** More than any bundle of certificates has. */
const MAX_BYTES = 1 << 20
/** It is looked at again no sooner than this, however many checks ask. */
export const LOOK_AGAIN_MS = 1000

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  ENOTDIR: 'no such file',
  EISDIR: 'it is a directory',
  ELOOP: 'its links go in circles'
}

/** A file that is read again when it has changed: another inode, size or time. What was good is kept. */
export class WatchedFile {
  readonly #path: string
  readonly #clock: Pick<Clock, 'now'>
  #lookedAt = Number.NEGATIVE_INFINITY
  #stamp = ''
  #seen: Seen = { bytes: undefined, version: 0, problem: undefined }
  #looking: Promise<Seen> | undefined

  constructor(path: string, clock: Pick<Clock, 'now'>) {
    this.#path = path
    this.#clock = clock
  }

  /** Never rejects; all that ask meanwhile get one look. */
  look(): Promise<Seen> {
    if (this.#looking !== undefined) return this.#looking
    if (this.#clock.now() < this.#lookedAt + LOOK_AGAIN_MS) return Promise.resolve(this.#seen)
    this.#lookedAt = this.#clock.now()
    this.#looking = this.#look().then((seen) => {
      this.#looking = undefined
      this.#seen = seen
      return seen
    })
    return this.#looking
  }

  async #look(): Promise<Seen> {
    const before = this.#seen
    try {
      // A pipe that nobody writes to would hang.
      const handle = await open(this.#path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
      try {
        const { ino, size, mtimeNs, ctimeNs, mode } = await handle.stat({ bigint: true })
        const stamp = [ino, size, mtimeNs, ctimeNs].join(' ')
        if (stamp === this.#stamp && before.bytes !== undefined) return { ...before, problem: undefined }
        if ((Number(mode) & constants.S_IFMT) !== constants.S_IFREG) return this.#bad('it is no regular file')
        if (size > MAX_BYTES) return this.#bad('it is longer than 1 MiB')
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(Number(size)), 0, Number(size), 0)
        if (bytesRead === 0) return this.#bad('it is empty')
        this.#stamp = stamp
        const bytes = buffer.subarray(0, bytesRead)
        const isSame = before.bytes?.equals(bytes) === true
        return { bytes, version: before.version + (isSame ? 0 : 1), problem: undefined }
      } finally {
        await handle.close()
      }
    } catch (error) {
      return this.#bad(WORDS[errnoOf(error)] ?? (errnoOf(error) || messageOf(error)))
    }
  }

  #bad(why: string): Seen {
    return { ...this.#seen, problem: `cannot read ${this.#path}: ${why}` }
  }
}
