import { downVerdict, judge, type Thresholds, type Verdict } from './verdict.js'

/** haproxy's `on-error`: what `error_limit` failed live connections in a row come to. */
export type OnError = 'fastinter' | 'fail-check' | 'sudden-death' | 'mark-down'

/** Live connections to one server that failed in a row. */
export interface Passive {
  readonly failures: number
}

/** What live connections have come to. Every failed one brings the next check forward, whatever it is. */
export type PassiveAct = 'none' | OnError

export const noFailures: Passive = { failures: 0 }

/**
 * `observe layer4`: live connections on top of those before. The limit reached, `act` is what to do, and the count
 * starts anew.
 * @param isConnected whether the last one was made; `failed`: how many failed since (the data plane tells of many at once)
 */
export function observeLive(
  before: Passive,
  seen: { readonly isConnected: boolean; readonly failed: number },
  { errorLimit, onError }: { readonly errorLimit: number; readonly onError: OnError }
): { readonly passive: Passive; readonly act: PassiveAct } {
  if (seen.isConnected) return { passive: noFailures, act: 'none' }
  const failures = before.failures + seen.failed
  return failures < errorLimit ? { passive: { failures }, act: 'none' } : { passive: noFailures, act: onError }
}

/**
 * The verdict after it: `fail-check` counts as one failed check, `sudden-death` as all but the last that `fall` asks
 * for, `mark-down` as all of them; `fastinter` changes nothing (the check is brought forward anyhow). A server that no
 * check has judged yet stays unknown.
 */
export function applyPassive(verdict: Verdict, act: PassiveAct, thresholds: Thresholds): Verdict {
  if (verdict.status === 'UNKNOWN') return verdict
  switch (act) {
    case 'none':
    case 'fastinter':
      return verdict
    case 'fail-check':
      return failTimes(verdict, 1, thresholds)
    case 'sudden-death':
      return failTimes(verdict, thresholds.fall - 1 - verdict.against[0], thresholds)
    case 'mark-down':
      return verdict.status === 'DOWN' ? verdict : { ...downVerdict, lost: thresholds.fall }
  }
}

const failTimes = (verdict: Verdict, times: number, thresholds: Thresholds): Verdict =>
  times <= 0 ? verdict : failTimes(judge(verdict, { isOk: false }, thresholds), times - 1, thresholds)
