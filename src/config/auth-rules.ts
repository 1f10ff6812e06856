import { formatDuration } from '../base/duration.js'
import { duplicates, errorAt, type Path, type Problem, warningAt } from './problem.js'
import type { VrrpConfig } from './schema.js'

/** What keepalived keeps of a password (RFC 2338 §5.3.10: eight octets). */
export const AUTH_PASS_BYTES = 8

/** Passwords and keys of an instance. */
export function authProblems(one: VrrpConfig, index: number): Problem[] {
  const at = (...rest: Path): Path => ['vrrp', index, ...rest]
  return [...passwordProblems(one, at), ...keyProblems(one, at)]
}

function passwordProblems(one: VrrpConfig, at: (...rest: Path) => Path): Problem[] {
  if (one.authentication === null) return []
  const problems: Problem[] = []
  if (one.version === 3) {
    problems.push(
      errorAt(
        at('authentication'),
        'VRRP version 3 has no passwords: remove `authentication`, or use `version: 2`; adverts that cannot be forged are what `auth_hmac` is for'
      )
    )
  } else if (one.authHmac !== null) {
    problems.push(
      errorAt(
        at('authentication'),
        '`auth_hmac` signs every advert, and a password in clear text beside it proves nothing: remove `authentication` on every node'
      )
    )
  }
  const bytes = Buffer.byteLength(one.authentication.pass)
  if (bytes > AUTH_PASS_BYTES) {
    problems.push(
      warningAt(
        at('authentication', 'auth_pass'),
        `the password has ${bytes} bytes and only the first 8 count, as in keepalived: write those 8`
      )
    )
  }
  return problems
}

function keyProblems(one: VrrpConfig, at: (...rest: Path) => Path): Problem[] {
  const hmac = one.authHmac
  if (hmac === null) return []
  const problems: Problem[] = []
  for (const [i, key] of hmac.keys.entries()) {
    const sources = [key.file, key.credential].filter((source) => source !== null).length
    if (sources === 1) continue
    const what = sources === 0 ? 'comes from nowhere' : 'comes from two places'
    problems.push(
      errorAt(
        at('auth_hmac', 'key', i),
        `key ${key.id} ${what}: give it either \`file\` or \`credential\` (the key itself never stands in here)`
      )
    )
  }
  if (hmac.timeWindowMs !== null && hmac.timeWindowMs < 3 * one.advertIntMs) {
    problems.push(
      errorAt(
        at('auth_hmac', 'time_window'),
        `adverts are signed up to two intervals ahead, and the clocks of two nodes differ: use at least ${formatDuration(3 * one.advertIntMs)}, three times advert_int, or leave it out`
      )
    )
  }
  const ids = hmac.keys.map((key) => key.id)
  if (!ids.includes(hmac.activeKey)) {
    problems.push(
      errorAt(
        at('auth_hmac', 'active_key'),
        `there is no key ${hmac.activeKey}, and adverts must be signed with one: use ${[...new Set(ids)].join(' or ')}`
      )
    )
  }
  return [
    ...problems,
    ...duplicates(
      hmac.keys,
      (key) => String(key.id),
      (i) => at('auth_hmac', 'key', i, 'id'),
      (key) => `another key has the id ${key.id} already: ids must differ, they are how an advert names its key`
    )
  ]
}
