import { errorAt, type Path, type Problem, warningAt } from './problem.js'
import type { Config, VrrpConfig } from './schema.js'

/** What a node advertises whose proxy reaches the apiserver on it alone (2), or nothing (1). */
const RESERVED_PRIORITIES = 2

/** Version, intervals, priority and preemption of an instance. */
export function electionProblems(one: VrrpConfig, index: number, config: Config): Problem[] {
  const at = (...rest: Path): Path => ['vrrp', index, ...rest]
  return [
    ...versionProblems(one, at),
    ...priorityProblems(one, at, config.proxy.length > 0),
    ...downTimerProblems(one, at)
  ]
}

type At = (...rest: Path) => Path

function versionProblems(one: VrrpConfig, at: At): Problem[] {
  const problems: Problem[] = []
  const [first] = one.virtualIpaddress
  if (one.version === 2 && one.family === 6 && first !== undefined) {
    problems.push(
      errorAt(
        at('version'),
        `VRRP version 2 is for IPv4 alone (RFC 3768) and ${first.address} is IPv6: use \`version: 3\` on every node`
      )
    )
  } else if (one.version === 2 && (one.advertIntMs % 1000 !== 0 || one.advertIntMs > 255_000)) {
    problems.push(
      errorAt(
        at('advert_int'),
        'VRRP version 2 counts whole seconds, 1s to 255s: use one of these, or `version: 3` on every node'
      )
    )
  }
  if (one.version === 3 && (one.advertIntMs % 10 !== 0 || one.advertIntMs > 40_950)) {
    problems.push(errorAt(at('advert_int'), 'VRRP version 3 counts steps of 10ms, 10ms to 40950ms'))
  }
  return problems
}

function priorityProblems(one: VrrpConfig, at: At, hasProxy: boolean): Problem[] {
  const problems: Problem[] = []
  if (hasProxy && one.priority <= RESERVED_PRIORITIES) {
    problems.push(
      errorAt(
        at('priority'),
        'priorities 1 and 2 are those of a node whose proxy reaches no server, or its own alone: with a `proxy:` use 3 to 255, so that a node that serves is before it'
      )
    )
  }
  if (!one.preempt && one.priority === 255) {
    problems.push(
      errorAt(
        at('preempt'),
        'priority 255 is for the owner of the address, who always takes over: use `priority: 254` or less, or `preempt: true`'
      )
    )
  }
  if (!one.preempt && one.preemptDelayMs > 0) {
    problems.push(warningAt(at('preempt_delay'), 'nothing is delayed with `preempt: false`: remove one of the two'))
  }
  return problems
}

/** RFC 9568 §6.1: three intervals and the skew, so that a lost advert is no takeover. */
function downTimerProblems(one: VrrpConfig, at: At): Problem[] {
  if (one.downTimerAdverts > 2) return []
  const lost =
    one.downTimerAdverts === 1 ? 'one lost advert moves the address' : 'one lost advert and a late one move the address'
  return [
    warningAt(at('down_timer_adverts'), `with \`down_timer_adverts: ${one.downTimerAdverts}\` ${lost}: 3 is the RFC's`)
  ]
}
