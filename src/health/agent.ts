import { connect, type Socket } from 'node:net'
import type { Clock } from '../base/clock.js'
import { errnoOf, messageOf } from '../base/errors.js'
import type { AgentConfig } from '../config/check-schema.js'
import { type AgentAnswer, agentSilence, readAgentLine } from './agent-words.js'
import { type Probe, SOCKERR } from './checker.js'
import type { Pacer } from './pacer.js'
import { isShortage } from './shortage.js'

export type AgentTarget = Pick<AgentConfig, 'host' | 'port' | 'send'>

export interface AgentPorts {
  readonly clock: Clock
  readonly pacer: Pick<Pacer, 'enter'>
}

const TOO_MANY: AgentAnswer = { isOk: false, code: SOCKERR, detail: 'too many checks connect at once' }
/** The longest line that an agent may say. */
const MAX_LINE_BYTES = 1024
const LF = 0x0a

/**
 * Asks haproxy's agent: connects, says `send` and a line end where there is something to say, reads one line. That it
 * cannot be reached, or is not understood, says nothing of its server.
 */
export function agentProbe(target: AgentTarget, ports: AgentPorts): Probe {
  let question: Question | undefined
  let leaveQueue: (() => void) | undefined
  const close = (): void => {
    leaveQueue?.()
    question?.giveUp()
  }
  const ask = (timeoutMs: number, done: Parameters<Probe>[1]): void => {
    close()
    const start = (): void => {
      question = new Question(target, ports.clock, timeoutMs, done)
    }
    leaveQueue = ports.pacer.enter(start, () => done({ ...TOO_MANY, tookMs: 0 }))
  }
  return Object.assign(ask, { close })
}

class Question {
  readonly #clock: Clock
  readonly #startedAt: number
  readonly #done: Parameters<Probe>[1]
  readonly #socket: Socket
  readonly #close: () => void
  #line = ''
  #isConnected = false
  #isOver = false

  constructor({ host, port, send }: AgentTarget, clock: Clock, timeoutMs: number, done: Parameters<Probe>[1]) {
    this.#clock = clock
    this.#startedAt = clock.now()
    this.#done = done
    const deadline = clock.after(timeoutMs, () => clock.afterInput(() => this.#onDeadline(timeoutMs)))
    this.#close = () => deadline.cancel()
    this.#socket = connect({ host, port, noDelay: true, autoSelectFamily: false })
    this.#socket.once('connect', () => {
      this.#isConnected = true
      if (send !== '') this.#socket.write(`${send}\n`)
    })
    this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    this.#socket.on('error', (error) => this.#onError(error))
    this.#socket.once('close', () =>
      this.#finish(agentSilence('L7RSP', 'it closed the connection before its line ended'))
    )
  }

  /** No answer comes after it. */
  giveUp(): void {
    this.#isOver = true
    this.#close()
    this.#socket.destroy()
  }

  #onData(chunk: Buffer): void {
    const end = chunk.indexOf(LF)
    this.#line += chunk.toString('latin1', 0, Math.min(end === -1 ? chunk.length : end, MAX_LINE_BYTES + 1))
    if (this.#line.length > MAX_LINE_BYTES) this.#finish(agentSilence('L7RSP', 'its line is longer than 1 KiB'))
    else if (end !== -1) this.#finish(readAgentLine(this.#line.replace(/\r$/, '')))
  }

  #onError(error: Error): void {
    const errno = errnoOf(error) || messageOf(error)
    if (isShortage(errno)) this.#finish({ isOk: false, code: SOCKERR, detail: errno })
    else this.#finish(agentSilence(this.#isConnected ? 'L7RSP' : 'L4CON', errno))
  }

  #onDeadline(timeoutMs: number): void {
    const what = this.#isConnected ? 'no line' : 'no connection'
    const detail = `${what} within ${Math.round(timeoutMs)} ms`
    this.#finish(agentSilence(this.#isConnected ? 'L7TOUT' : 'L4TOUT', detail))
  }

  #finish(answer: AgentAnswer): void {
    if (this.#isOver) return
    this.giveUp()
    this.#done({ ...answer, tookMs: this.#clock.now() - this.#startedAt })
  }
}
