import type { Clock, Timer } from '../base/clock.js'
import { formatHostPort } from '../base/ip.js'
import type { CheckConfig, HttpCheck } from '../config/check-schema.js'
import { type Probe, SOCKERR } from './checker.js'
import type { CredentialStore, Credentials } from './credentials.js'
import { type Answer, isDecidedBy, judgeAnswer } from './http-answer.js'
import { lostAnswer, timeoutAnswer } from './http-failure.js'
import type { Head } from './http-head.js'
import { HttpLine, type LinePhase } from './http-line.js'
import type { Reading, ResponseReader } from './http-response.js'
import type { Pacer } from './pacer.js'

export interface HttpPorts {
  readonly clock: Clock
  readonly credentials: Pick<CredentialStore, 'read'>
  readonly pacer: Pick<Pacer, 'enter'>
}

/**
 * A connection is kept no longer than this. So a certificate that has expired since, and a server that takes no new
 * connections, are found out while clients that are connected still see nothing of it.
 */
export const MAX_KEPT_MS = 60_000

/** What an HTTP check needs of its configuration. */
export type HttpTarget = Pick<CheckConfig, 'host' | 'port' | 'sendProxy'> & { readonly http: HttpCheck }

const TOO_SLOW: Answer = { isOk: false, code: SOCKERR, detail: 'its files cannot be read in time' }
const TOO_MANY: Answer = { isOk: false, code: SOCKERR, detail: 'too many checks connect at once' }

/** Asks an HTTP server whether it is ready, over a connection that is kept from check to check. */
export function httpProbe(target: HttpTarget, ports: HttpPorts): Probe {
  const prober = new HttpProber(target, ports)
  return Object.assign((timeoutMs: number, done: Parameters<Probe>[1]) => prober.check(timeoutMs, done), {
    close: () => prober.close()
  })
}

/** One server: the connection that is kept, and the check that is on its way. */
class HttpProber {
  readonly #target: HttpTarget
  readonly #ports: HttpPorts
  #kept: Kept | undefined
  #running: HttpRun | undefined

  constructor(target: HttpTarget, ports: HttpPorts) {
    this.#target = target
    this.#ports = ports
  }

  check(timeoutMs: number, done: Parameters<Probe>[1]): void {
    this.#running?.giveUp()
    const kept = this.#takeKept()
    const run = new HttpRun(this.#target, this.#ports, timeoutMs, kept, (answer, tookMs, line, version) => {
      if (this.#running === run) this.#running = undefined
      const since = line === kept?.line ? kept?.since : this.#ports.clock.now()
      if (line !== undefined) this.#kept = { line, version, since: since ?? this.#ports.clock.now() }
      done({ ...answer, tookMs })
    })
    this.#running = run
    void run.start()
  }

  close(): void {
    this.#running?.giveUp()
    this.#running = undefined
    this.#kept?.line.close()
    this.#kept = undefined
  }

  /** The connection of the last check, unless its answer has not ended yet or it is old. */
  #takeKept(): Kept | undefined {
    const kept = this.#kept
    this.#kept = undefined
    if (kept?.line.isIdle === true && this.#ports.clock.now() < kept.since + MAX_KEPT_MS) return kept
    kept?.line.close()
    return undefined
  }
}

/** A connection between two checks. */
interface Kept {
  readonly line: HttpLine
  /** Of the credentials that it was made with. */
  readonly version: string
  /** Since when it answers. */
  readonly since: number
}

type OnRun = (answer: Answer, tookMs: number, line: HttpLine | undefined, version: string) => void

/**
 * One check. A kept connection that turns out to be dead is no failure: where it ends before an answer, a new one is
 * made at once; where it says nothing for half of the time, a new one is made beside it and the first answer counts.
 */
class HttpRun {
  readonly #target: HttpTarget
  readonly #ports: HttpPorts
  readonly #timeoutMs: number
  readonly #kept: Kept | undefined
  readonly #onDone: OnRun
  #startedAt: number
  #deadline: Timer | undefined
  #silence: Timer | undefined
  /** Takes us out of the queue of those that connect. */
  #leaveQueue: (() => void) | undefined
  /** Connections that may still answer, the newest last. */
  #lines: HttpLine[] = []
  #credentials: Credentials | undefined
  /** The head that has come, and where from, while its body comes. */
  #answering: { readonly head: Head; readonly line: HttpLine; readonly reader: ResponseReader } | undefined
  #isOver = false

  constructor(target: HttpTarget, ports: HttpPorts, timeoutMs: number, kept: Kept | undefined, onDone: OnRun) {
    this.#target = target
    this.#ports = ports
    this.#timeoutMs = timeoutMs
    this.#kept = kept
    this.#onDone = onDone
    this.#startedAt = ports.clock.now()
    if (kept !== undefined) this.#lines.push(kept.line)
  }

  async start(): Promise<void> {
    const { clock, credentials } = this.#ports
    this.#arm()
    const read = await credentials.read(this.#target.http)
    if (this.#isOver) return
    this.#credentials = read
    const kept = this.#kept
    if (kept !== undefined && !kept.line.isClosed && kept.version === read.version) {
      this.#ask(kept.line, read)
      this.#silence = clock.after(this.#timeoutMs / 2, () => this.#onSilence())
      return
    }
    kept?.line.close()
    this.#lines = []
    this.#deadline?.cancel()
    this.#queue(read, () => {
      // The time of a check begins when its turn has come.
      this.#startedAt = clock.now()
      this.#arm()
    })
  }

  /** No result comes after it. */
  giveUp(): void {
    this.#isOver = true
    this.#deadline?.cancel()
    this.#silence?.cancel()
    this.#leaveQueue?.()
    for (const line of this.#lines) line.close()
    this.#lines = []
  }

  #arm(): void {
    const { clock } = this.#ports
    this.#deadline?.cancel()
    // After a stall of ours the answer may lie unread when the timer fires.
    this.#deadline = clock.after(this.#timeoutMs, () => clock.afterInput(() => this.#onDeadline()))
  }

  /** A new connection in its turn, which may come after the deadline where others of ours wait before it. */
  #queue(credentials: Credentials, onTurn: () => void): void {
    if (this.#leaveQueue !== undefined) return
    const start = (): void => {
      if (this.#isOver) return
      onTurn()
      this.#connect(credentials)
    }
    this.#leaveQueue = this.#ports.pacer.enter(start, () => {
      if (!this.#isOver && this.#lines.length === 0) this.#finish(TOO_MANY, undefined)
    })
  }

  #connect(credentials: Credentials): void {
    const { host, port, sendProxy, http } = this.#target
    const { context, canVerify } = credentials
    const tls = context === null ? null : { context, servername: http.servername, verify: http.verify && canVerify }
    const line = new HttpLine({ host, port, sendProxy, tls })
    this.#lines.push(line)
    this.#ask(line, credentials)
  }

  #ask(line: HttpLine, { token }: Credentials): void {
    const { http } = this.#target
    line.ask(requestOf(this.#target, token), http.method === 'HEAD', {
      onReading: (reading, reader) => this.#onReading(line, reading, reader),
      onLost: (phase, error) => this.#onLost(line, phase, error)
    })
  }

  /** The kept connection says nothing: its server may be another one by now, or nothing between us knows of it. */
  #onSilence(): void {
    if (this.#isOver || this.#answering !== undefined || this.#lines.length !== 1) return
    if (this.#credentials !== undefined) this.#queue(this.#credentials, () => undefined)
  }

  #onLost(line: HttpLine, phase: LinePhase, error: Error | null): void {
    if (this.#isOver) return
    this.#lines = this.#lines.filter((one) => one !== line)
    const wasKept = line === this.#kept?.line
    if (wasKept && this.#credentials !== undefined) this.#queue(this.#credentials, () => undefined)
    else if (!wasKept) this.#finish(this.#withProblems(lostAnswer(this.#target.http, phase, error)), undefined)
  }

  #onReading(line: HttpLine, reading: Reading, reader: ResponseReader): void {
    if (this.#isOver) return
    const { http } = this.#target
    switch (reading.state) {
      case 'head':
        return
      case 'body':
        this.#answering ??= { head: reading.head, line, reader }
        if (isDecidedBy(http, reading.head) || reader.isFull) this.#finish(this.#judge(reading.head, reader), line)
        return
      case 'done':
        this.#finish(this.#judge(reading.head, reader), line)
        return
      case 'bad':
        if (reading.head !== null) this.#finish(this.#judge(reading.head, reader), undefined)
        else this.#finish({ isOk: false, isAlive: true, code: 'L7RSP', detail: reading.why }, undefined)
        return
    }
  }

  #onDeadline(): void {
    if (this.#isOver) return
    if (this.#answering !== undefined) {
      this.#finish(this.#judge(this.#answering.head, this.#answering.reader), undefined)
      return
    }
    const line = this.#lines.at(-1)
    if (this.#credentials === undefined) this.#finish(TOO_SLOW, undefined)
    else if (line === undefined) this.#finish(TOO_MANY, undefined)
    else this.#finish(timeoutAnswer(line.phase, this.#timeoutMs), undefined)
  }

  #finish(answer: Answer, line: HttpLine | undefined): void {
    const tookMs = this.#ports.clock.now() - this.#startedAt
    this.#lines = this.#lines.filter((one) => one !== line)
    this.giveUp()
    const isKept = line !== undefined && !line.isClosed
    this.#onDone(answer, tookMs, isKept ? line : undefined, this.#credentials?.version ?? '')
  }

  #judge(head: Head, reader: ResponseReader): Answer {
    const answer = judgeAnswer(this.#target.http, head, reader.body.toString())
    if (!answer.isOk || this.#credentials?.canVerify !== false) return this.#withProblems(answer)
    // Whoever answered, nobody knows whether it is our server.
    return this.#withProblems({ isOk: false, isAlive: true, isUnsure: true, code: 'L7OKC', detail: answer.detail })
  }

  #withProblems(answer: Answer): Answer {
    const problems = this.#credentials?.problems ?? []
    if (problems.length === 0) return answer
    const problem = problems.join('; ')
    // What went well is told as such; where it did not, this may be why.
    return answer.isOk ? { ...answer, problem } : { ...answer, detail: `${answer.detail} (${problem})`, problem }
  }
}

/** Encoded as UTF-8: in latin1 some letters of other alphabets would be line ends. */
function requestOf({ host, port, http }: HttpTarget, token: string | null): string {
  const { method, uri, hostHeader } = http
  const target = uri.replace(/[^\x21-\x7e]+/g, (part) => Buffer.from(part).toString('hex').replace(/../g, '%$&'))
  const lines = [
    `${method} ${target} HTTP/1.1`,
    `Host: ${hostHeader ?? formatHostPort({ host, port })}`,
    'User-Agent: vipd',
    'Accept: */*',
    ...(token === null ? [] : [`Authorization: Bearer ${token}`])
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}
