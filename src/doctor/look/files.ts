import { open, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'

const MOST_BYTES = 1 << 20

/** Files of this host, or of a folder that stands for one. What is not there, or may not be read, is undefined. */
export class Files {
  readonly #root: string

  constructor(root = '/') {
    this.#root = root
  }

  /** At most the first MiB. */
  async read(path: string): Promise<string | undefined> {
    try {
      const file = await open(join(this.#root, path))
      try {
        const buffer = Buffer.alloc(MOST_BYTES)
        let length = 0
        // /proc gives a page at a time.
        for (;;) {
          const { bytesRead } = await file.read(buffer, length, MOST_BYTES - length)
          if (bytesRead === 0 || length === MOST_BYTES) break
          length += bytesRead
        }
        return buffer.toString('utf8', 0, length)
      } finally {
        await file.close()
      }
    } catch {
      return undefined
    }
  }

  async list(path: string): Promise<string[]> {
    return readdir(join(this.#root, path)).catch(() => [])
  }

  async link(path: string): Promise<string | undefined> {
    return readlink(join(this.#root, path)).catch(() => undefined)
  }
}
