import { Script } from 'node:vm'
import type { HttpCheck } from '../config/check-schema.js'
import { type CheckResult, SOCKERR } from './checker.js'
import { excerpt, type Head } from './http-head.js'

export type Answer = Omit<CheckResult, 'tookMs'>

/** Where the mend of a 401 stands. */
const CREDENTIALS_PAGE = 'docs/health-checks.md'
/** A pattern that takes longer is given up: it would keep the election waiting. */
const PATTERN_MS = 200
/** What a kube-apiserver's /readyz says from the moment it was told to stop. */
const SHUTDOWN = '[-]shutdown failed'

export const isExpected = ({ statuses }: Pick<HttpCheck, 'statuses'>, { status }: Head): boolean =>
  statuses.some(([first, last]) => status >= first && status <= last)

/** The head alone decides: nothing is asked of the body. */
export const isDecidedBy = (check: HttpCheck, head: Head): boolean =>
  isExpected(check, head) && check.body === null && check.bodyRegex === null

/**
 * What an answer says of its server.
 *
 * | answer                                  | code  | verdict                        |
 * |-----------------------------------------|-------|--------------------------------|
 * | expected status, expected body          | L7OK  | ready                          |
 * | expected status, another body           | L7RSP | alive                          |
 * | 401, 403 (unless expected)              | L7STS | alive, readiness unknown       |
 * | a body with `[-]shutdown failed`        | L7STS | alive, leaving: drained at once |
 * | any other status                        | L7STS | alive                          |
 */
export function judgeAnswer(check: HttpCheck, head: Head, body: string): Answer {
  const said = [head.status, head.reason].join(' ').trim()
  if (!isExpected(check, head)) return judgeStatus(check, head, said, body)
  if (check.body !== null && !body.includes(check.body))
    return wrongBody(`${said}, but the answer has not: ${check.body}`)
  const found = check.bodyRegex === null ? true : matches(check.bodyRegex, body)
  if (found === undefined) return { isOk: false, code: SOCKERR, detail: 'body_regex takes too long on this answer' }
  if (!found) return wrongBody(`${said}, but the answer does not match ${check.bodyRegex}`)
  return { isOk: true, code: 'L7OK', detail: said }
}

const wrongBody = (detail: string): Answer => ({ isOk: false, isAlive: true, code: 'L7RSP', detail })

function judgeStatus(check: HttpCheck, { status }: Head, said: string, body: string): Answer {
  const alive = { isOk: false, isAlive: true, code: 'L7STS' } as const
  if (status === 401 || status === 403) return { ...alive, isUnsure: true, detail: `${said}: ${mendOf(check, status)}` }
  const detail = [said, reasonOf(check, status, body)].filter((part) => part !== '').join(': ')
  return body.includes(SHUTDOWN) ? { ...alive, isLeaving: true, detail } : { ...alive, detail }
}

/** What to do about an answer that does not say whether the server is ready. */
function mendOf({ tokenFile, crtFile, uri }: HttpCheck, status: 401 | 403): string {
  const given = tokenFile ?? crtFile
  if (given === null)
    return `the server wants to know who asks: give the check a client certificate (crt, key) or token_file, or allow anonymous ${uri}; see ${CREDENTIALS_PAGE}`
  return status === 401
    ? `the server does not accept ${given}: it has expired, or another authority made it; see ${CREDENTIALS_PAGE}`
    : `the owner of ${given} may not read ${uri}; see ${CREDENTIALS_PAGE}`
}

function reasonOf({ uri, isTls }: HttpCheck, status: number, body: string): string {
  const failed = body.split('\n').filter((line) => line.startsWith('[-]'))
  if (failed.length > 0) return excerpt(failed.join(', '), 200)
  if (!isTls && body.includes('HTTP request to an HTTPS server'))
    return 'it speaks TLS: the check should be of type https'
  return status === 404 ? `it has no ${uri}` : excerpt(body)
}

const pattern = new Script('new RegExp(source, "m").test(text)')

/** @returns undefined when it takes too long */
function matches(source: string, text: string): boolean | undefined {
  try {
    return pattern.runInNewContext({ source, text }, { timeout: PATTERN_MS }) === true
  } catch {
    return undefined
  }
}
