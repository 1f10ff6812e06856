import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { errnoOf, messageOf } from '../base/errors.js'

export type Head = { readonly ok: true; readonly bytes: Buffer } | { readonly ok: false; readonly errno: string }

/** The first bytes of a file, at most so many. Never rejects. */
export type ReadHead = (path: string, maxBytes: number) => Promise<Head>

/** From the file system. A FIFO is not waited for. */
export const readHead: ReadHead = async (path, maxBytes) => {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(maxBytes), 0, maxBytes, null)
      return { ok: true, bytes: buffer.subarray(0, bytesRead) }
    } finally {
      await handle.close()
    }
  } catch (error) {
    return { ok: false, errno: errnoOf(error) || messageOf(error) }
  }
}
