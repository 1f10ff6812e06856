import { request } from 'node:https'
import { codeOf, optionsFor, serverOf } from './ask.js'
import type { Access } from './kubeconfig.js'

/** A watch that is held open until it is ended here. */
export class Watch {
  /** It was answered with 200. */
  isOpen = false
  server: string | undefined
  events = 0
  /** Why it ended by itself. */
  ended: string | undefined
  readonly #asked: ReturnType<typeof request>

  constructor(way: string, path: string, access: Access) {
    const lost = (why: string): void => {
      if (this.ended === undefined) this.ended = why
    }
    this.#asked = request(optionsFor(way, path, access), (response) => {
      this.isOpen = response.statusCode === 200
      this.server = serverOf(response)
      if (!this.isOpen) lost(`status ${response.statusCode}`)
      response.on('data', (bytes: Buffer) => {
        for (const byte of bytes) if (byte === 0x0a) this.events += 1
      })
      response.on('error', (error) => lost(codeOf(error)))
      response.on('end', () => lost('ended by the server'))
    })
    this.#asked.on('error', (error) => lost(codeOf(error)))
    this.#asked.end()
  }

  close(): void {
    this.ended ??= ''
    this.#asked.destroy()
  }
}
