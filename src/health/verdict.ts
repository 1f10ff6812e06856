/** What a server's checks add up to. UNKNOWN: none has finished yet. */
export interface Verdict {
  readonly status: 'UNKNOWN' | 'UP' | 'DOWN'
  /** Results in a row that contradict the status; `rise` or `fall` of them flip it. */
  readonly streak: number
}

export interface Thresholds {
  /** Consecutive successes that bring it UP. */
  readonly rise: number
  /** Consecutive failures that take it DOWN. */
  readonly fall: number
}

export const unknownVerdict: Verdict = { status: 'UNKNOWN', streak: 0 }

/**
 * One result on top of what was known. The first result of all decides at once: haproxy calls every server UP until
 * it has failed, and sends traffic to dead ones meanwhile; here nobody gets traffic before a check has passed.
 */
export function judge(verdict: Verdict, isOk: boolean, { rise, fall }: Thresholds): Verdict {
  const seen = isOk ? 'UP' : 'DOWN'
  if (verdict.status === 'UNKNOWN') return { status: seen, streak: 0 }
  if (verdict.status === seen) return { status: seen, streak: 0 }
  const streak = verdict.streak + 1
  return streak >= (isOk ? rise : fall) ? { status: seen, streak: 0 } : { status: verdict.status, streak }
}
