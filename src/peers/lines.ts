/** Lines out of a stream of pieces of any size; one that is longer than `most` ends it. */
export class Lines {
  readonly #most: number
  #pieces: Buffer[] = []
  #size = 0

  /** @param most bytes of a line without its end */
  constructor(most: number) {
    this.#most = most
  }

  /** True: the beginning of a line waits for its end. */
  get isInside(): boolean {
    return this.#size > 0
  }

  /** The lines that end in this piece; undefined: one is too long, and nothing after it can be trusted. */
  push(piece: Buffer): string[] | undefined {
    const lines: string[] = []
    let from = 0
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, from)) {
      if (!this.#add(piece.subarray(from, end))) return undefined
      lines.push(Buffer.concat(this.#pieces).toString('utf8'))
      this.#pieces = []
      this.#size = 0
      from = end + 1
    }
    return this.#add(piece.subarray(from)) ? lines : undefined
  }

  #add(piece: Buffer): boolean {
    if (piece.length === 0) return true
    this.#size += piece.length
    this.#pieces.push(piece)
    return this.#size <= this.#most
  }
}
