import type { IncomingMessage } from 'node:http'

/** What a request may bring; no command needs more. */
export const MAX_BODY_BYTES = 16_384

/** The whole body as text; undefined where it is too long, or ends early. Then nothing more is read. */
export function readBody(request: IncomingMessage): Promise<string | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= MAX_BODY_BYTES) chunks.push(chunk)
      else {
        request.pause()
        resolve(undefined)
      }
    })
    request.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    request.once('error', () => resolve(undefined))
    request.once('close', () => resolve(undefined))
  })
}
