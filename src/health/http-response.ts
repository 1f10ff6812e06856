import { excerpt, type Head, readHead } from './http-head.js'

/** What has been read of one answer so far. `why`: why it is no HTTP/1.1 answer, for people; its head may have been one. */
export type Reading =
  | { readonly state: 'head' }
  | { readonly state: 'body'; readonly head: Head }
  | { readonly state: 'done'; readonly head: Head; readonly mayKeep: boolean }
  | { readonly state: 'bad'; readonly why: string; readonly head: Head | null }

/** Most that a head may have, interim ones and trailers included, and most that is kept of a body. */
export const MAX_HEAD_BYTES = 16 * 1024
export const MAX_BODY_BYTES = 64 * 1024
/** A line with the size of a chunk. */
const MAX_LINE_BYTES = 4096
const MAX_INTERIM = 16
const LF = 0x0a
const START = 'HTTP/1.'
/** An alert, a handshake. */
const TLS_RECORDS = [0x15, 0x16]
const NOTHING = Buffer.alloc(0)

/** What comes next. */
type Part = 'head' | 'length' | 'rest' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer'

/** Reads one answer from pieces of any size. Holds at most 16 KiB of head and 64 KiB of body, whatever comes. */
export class ResponseReader {
  readonly #isHead: boolean
  #reading: Reading = { state: 'head' }
  #part: Part = 'head'
  /** The line that has not ended yet. */
  #line = ''
  /** Lines of this head so far. */
  #lines: string[] = []
  #headBytes = 0
  #interims = 0
  /** Bytes that belong to the body, or to this chunk. */
  #left = 0
  #body = NOTHING
  #bodyBytes = 0
  #mayKeep = false

  /** @param isHead whether HEAD was asked: then no body follows whatever the head says */
  constructor(isHead: boolean) {
    this.#isHead = isHead
  }

  get reading(): Reading {
    return this.#reading
  }

  /** Nothing has come yet. */
  get isUntouched(): boolean {
    return this.#reading.state === 'head' && this.#headBytes === 0 && this.#line === ''
  }

  /** The first 64 KiB of the body, so far. */
  get body(): Buffer {
    return this.#body.subarray(0, this.#bodyBytes)
  }

  /** As much of the body as is kept has come: the rest would be thrown away. */
  get isFull(): boolean {
    return this.#bodyBytes === MAX_BODY_BYTES
  }

  feed(chunk: Buffer): Reading {
    let rest = chunk
    while (rest.length > 0) {
      const reading = this.#reading
      if (reading.state === 'bad') break
      if (reading.state === 'done') {
        // Nobody asked for more: what comes next on this connection could not be told from it.
        this.#reading = { state: 'done', head: reading.head, mayKeep: false }
        break
      }
      rest = this.#part === 'length' || this.#part === 'chunk' ? this.#feedBytes(rest) : this.#feedText(rest)
    }
    return this.#reading
  }

  /** The other end sends nothing more. */
  end(): Reading {
    if (this.#reading.state === 'head') this.#fail('the connection was closed before the end of the head')
    else if (this.#reading.state === 'body') {
      if (this.#part === 'rest') this.#finish()
      else this.#fail('the connection was closed before the end of the body')
    }
    return this.#reading
  }

  #feedBytes(chunk: Buffer): Buffer {
    const taken = chunk.subarray(0, this.#left)
    this.#keep(taken)
    this.#left -= taken.length
    if (this.#left === 0) {
      if (this.#part === 'chunk') this.#part = 'chunk-end'
      else this.#finish()
    }
    return chunk.subarray(taken.length)
  }

  #feedText(chunk: Buffer): Buffer {
    if (this.#part === 'rest') {
      this.#keep(chunk)
      return NOTHING
    }
    const before = this.#line.length
    const end = chunk.indexOf(LF)
    this.#line += chunk.toString('latin1', 0, end === -1 ? chunk.length : end)
    // Something else than HTTP is told by its first bytes: nobody waits for the end of its line.
    if (this.#part === 'head' && this.#lines.length === 0 && before < START.length) this.#checkStart(end !== -1)
    const most = this.#part === 'head' || this.#part === 'trailer' ? MAX_HEAD_BYTES - this.#headBytes : MAX_LINE_BYTES
    if (this.#line.length > most) this.#fail(`its ${this.#part} does not end within ${most} bytes`)
    if (end === -1 || this.#reading.state === 'bad') return NOTHING
    const line = this.#line.replace(/\r$/, '')
    this.#line = ''
    this.#onLine(line)
    return chunk.subarray(end + 1)
  }

  #checkStart(isWhole: boolean): void {
    const seen = this.#line.slice(0, START.length)
    if (isWhole ? seen === START : START.startsWith(seen)) return
    const isTls = TLS_RECORDS.includes(seen.charCodeAt(0))
    this.#fail(isTls ? 'it speaks TLS: the check should be of type https' : `not HTTP: ${excerpt(this.#line)}`)
  }

  #onLine(line: string): void {
    switch (this.#part) {
      case 'head':
        this.#headBytes += line.length + 1
        if (line === '') this.#onHead()
        else this.#lines.push(line)
        return
      case 'chunk-size': {
        const [, size] = /^([0-9A-Fa-f]{1,12})[ \t]*(?:;.*)?$/.exec(line) ?? []
        if (size === undefined) this.#fail(`a broken chunk: ${excerpt(line)}`)
        else this.#left = Number.parseInt(size, 16)
        this.#part = this.#left === 0 ? 'trailer' : 'chunk'
        return
      }
      case 'chunk-end':
        if (line !== '') this.#fail(`a broken chunk: ${excerpt(line)}`)
        this.#part = 'chunk-size'
        return
      case 'trailer':
        this.#headBytes += line.length + 1
        if (line === '') this.#finish()
        return
      case 'length':
      case 'chunk':
      case 'rest':
        return
    }
  }

  #onHead(): void {
    const read = readHead(this.#lines, this.#isHead)
    this.#lines = []
    if (!read.ok) {
      this.#fail(read.why)
      return
    }
    const { head, framing, mayKeep } = read
    if (head.status < 200) {
      this.#interims++
      if (this.#interims > MAX_INTERIM) this.#fail(`more than ${MAX_INTERIM} interim answers`)
      return
    }
    this.#mayKeep = mayKeep
    this.#reading = { state: 'body', head }
    switch (framing.by) {
      case 'nothing':
        this.#finish()
        return
      case 'length':
        this.#part = 'length'
        this.#left = framing.length
        if (this.#left === 0) this.#finish()
        return
      case 'chunks':
        this.#part = 'chunk-size'
        return
      case 'close':
        this.#part = 'rest'
        return
    }
  }

  #keep(bytes: Buffer): void {
    const kept = bytes.subarray(0, MAX_BODY_BYTES - this.#bodyBytes)
    const needed = this.#bodyBytes + kept.length
    if (needed > this.#body.length) {
      const grown = Buffer.allocUnsafe(Math.min(MAX_BODY_BYTES, Math.max(needed, 2 * this.#body.length)))
      this.#body.copy(grown, 0, 0, this.#bodyBytes)
      this.#body = grown
    }
    kept.copy(this.#body, this.#bodyBytes)
    this.#bodyBytes = needed
  }

  #finish(): void {
    const reading = this.#reading
    if (reading.state === 'body') this.#reading = { state: 'done', head: reading.head, mayKeep: this.#mayKeep }
  }

  #fail(why: string): void {
    const reading = this.#reading
    this.#reading = { state: 'bad', why, head: reading.state === 'head' ? null : reading.head }
    this.#line = ''
  }
}
