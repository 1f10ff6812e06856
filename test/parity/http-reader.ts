/** Finds the requests in what an HTTP/1 client says. Bodies are not expected. */
export class HttpReader {
  #text = ''

  /** @returns for each request that is complete now, whether the connection ends with its answer */
  take(chunk: Buffer): boolean[] {
    this.#text += chunk.toString('latin1')
    const found: boolean[] = []
    for (;;) {
      const end = this.#text.indexOf('\r\n\r\n')
      if (end < 0) return found
      const head = this.#text.slice(0, end)
      this.#text = this.#text.slice(end + 4)
      found.push(/^connection: *close/im.test(head) || (/HTTP\/1\.0\r?$/m.test(head) && !/keep-alive/i.test(head)))
    }
  }
}
