import { errnoOf, messageOf } from '../base/errors.js'
import type { HttpCheck } from '../config/check-schema.js'
import { SOCKERR } from './checker.js'
import type { Answer } from './http-answer.js'
import { printable } from './http-head.js'
import type { LinePhase } from './http-line.js'
import { isShortage } from './shortage.js'
import { isTlsError, tlsWords } from './tls-words.js'

const TIMEOUTS: Readonly<Record<LinePhase, readonly [string, string]>> = {
  connect: ['L4TOUT', 'no connection'],
  handshake: ['L6TOUT', 'no end of the TLS handshake'],
  answer: ['L7TOUT', 'no answer']
}

/** The deadline came before an answer began. */
export function timeoutAnswer(phase: LinePhase, timeoutMs: number): Answer {
  const [code, what] = TIMEOUTS[phase]
  return { isOk: false, code, detail: `${what} within ${Math.round(timeoutMs)} ms` }
}

/**
 * A connection ended before an answer began. Who said something (a certificate, an alert) is alive; who closes without
 * a word, or is not there, is dead.
 * @param error what the system or TLS said; null: it was just closed
 */
export function lostAnswer(check: HttpCheck, phase: LinePhase, error: Error | null): Answer {
  const errno = errnoOf(error)
  if (isShortage(errno)) return { isOk: false, code: SOCKERR, detail: errno }
  if (error !== null && isTlsError(error)) return { isOk: false, isAlive: true, code: 'L6RSP', detail: tlsWords(error) }
  const said = error === null ? '' : errno || printable(messageOf(error)).slice(0, 200)
  const tail = said === '' ? '' : ` (${said})`
  switch (phase) {
    case 'connect':
      return { isOk: false, isRefused: errno === 'ECONNREFUSED', code: 'L4CON', detail: said || 'closed' }
    case 'handshake':
      return { isOk: false, code: 'L6RSP', detail: `it closed the connection in the TLS handshake${tail}` }
    case 'answer': {
      return { isOk: false, code: 'L7RSP', detail: `it closed the connection without an answer${tail}${hintOf(check)}` }
    }
  }
}

/** What a server may want that goes away without a word. */
function hintOf({ isTls, crtFile }: HttpCheck): string {
  if (!isTls) return '; does it speak TLS (type https)?'
  // The alert that says so may be lost by the reset that follows it.
  return crtFile === null ? '; does it want a client certificate (crt, key)?' : ''
}
