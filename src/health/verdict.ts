import type { CheckResult, Phase } from './checker.js'

/**
 * What a server's checks add up to:
 *
 * | status  | new connections            | old ones | how it came about                                    |
 * |---------|----------------------------|----------|------------------------------------------------------|
 * | UNKNOWN | none                       | -        | no check has finished yet                            |
 * | UP      | yes                        | kept     | ready                                                |
 * | UNSURE  | when no server is UP       | kept     | answers, but does not say whether it is ready        |
 * | ALIVE   | when none is UP or UNSURE  | kept     | answers that it is not ready                         |
 * | DOWN    | none                       | closed   | does not answer; `isLeaving`: kept, it ends them     |
 */
export interface Verdict {
  readonly status: 'UNKNOWN' | 'UP' | 'UNSURE' | 'ALIVE' | 'DOWN'
  /** Results in a row that contradict the status; `rise` or `fall` of them move it. */
  readonly streak: number
  /** It has said that it is shutting down, or that it is not ready, and does not answer any more. */
  readonly isLeaving: boolean
  /** Results in a row against what each rung says now: [alive, serving, ready]. */
  readonly against: readonly [number, number, number]
  /** Failures in a row that were no refusal: its host is gone as well. */
  readonly lost: number
}

export interface Thresholds {
  /** Consecutive successes that bring it up. */
  readonly rise: number
  /** Consecutive failures that take it down. */
  readonly fall: number
}

/** What of a result counts. */
export type Finding = Pick<CheckResult, 'isOk' | 'isAlive' | 'isUnsure' | 'isLeaving' | 'isRefused' | 'isSilent'>

const CALM = { streak: 0, isLeaving: false, against: [0, 0, 0], lost: 0 } as const

export const unknownVerdict: Verdict = { status: 'UNKNOWN', ...CALM }
/** Dead for certain: `rise` successes bring it back. */
export const downVerdict: Verdict = { status: 'DOWN', ...CALM }

/** How many rungs (alive, serving, ready) each status stands on. */
const HEIGHT = { UNKNOWN: 0, DOWN: 0, ALIVE: 1, UNSURE: 2, UP: 3 } as const
const STATUSES = ['DOWN', 'ALIVE', 'UNSURE', 'UP'] as const

/**
 * One result on top of what was known. There are three questions, each with its own count: does it answer, may it
 * serve, is it ready? `rise` results in a row that say yes turn a no, `fall` that say no turn a yes; the status is the
 * highest rung that holds. So `fall` answers of 500 make an UP server ALIVE, and only `fall` results without any
 * answer make it DOWN.
 *
 * | result                         | alive | serving | ready |
 * |--------------------------------|-------|---------|-------|
 * | isOk                           | yes   | yes     | yes   |
 * | isUnsure (401, 403)            | yes   | yes     | no    |
 * | isAlive (500)                  | yes   | no      | no    |
 * | isLeaving (`[-]shutdown`)      | yes   | no, at once | no, at once |
 * | none of them                   | no    | no      | no    |
 *
 * The first result of all decides at once: haproxy calls every server UP until it has failed, and sends traffic to
 * dead ones meanwhile; here nobody gets traffic before a check has passed.
 */
export function judge(verdict: Verdict, finding: Finding, thresholds: Thresholds): Verdict {
  const seen = heightOf(finding)
  if (verdict.status === 'UNKNOWN') return settled(seen, finding.isLeaving === true)
  if (finding.isSilent === true && verdict.status !== 'UNSURE') return verdict
  const holds = HEIGHT[verdict.status]
  const rungs = verdict.against.map((count, index) => {
    const rung = index + 1
    const isHeld = holds >= rung
    const isSeen = seen >= rung
    if (finding.isLeaving === true && rung > 1) return { isHeld: false, count: 0 }
    if (isSeen === isHeld) return { isHeld, count: 0 }
    const needed = isSeen ? thresholds.rise : thresholds.fall
    return count + 1 >= needed ? { isHeld: isSeen, count: 0 } : { isHeld, count: count + 1 }
  })
  const [alive, serving, ready] = rungs.map(({ count }) => count)
  const against = [alive ?? 0, serving ?? 0, ready ?? 0] as const
  const lost = seen === 0 && finding.isRefused !== true ? Math.min(verdict.lost + 1, thresholds.fall) : 0
  const hasSaidSo = verdict.isLeaving || saidNotReady(verdict)
  return {
    status: STATUSES[rungs.filter(({ isHeld }) => isHeld).length] ?? 'DOWN',
    streak: Math.max(...against),
    isLeaving: finding.isLeaving === true || (seen === 0 && hasSaidSo && lost < thresholds.fall),
    against,
    lost
  }
}

/** Its last results were answers that it is not ready: whatever ends it now, it saw it coming. */
const saidNotReady = ({ status, against: [alive, serving] }: Verdict): boolean =>
  status === 'ALIVE' ? alive === 0 : status !== 'DOWN' && status !== 'UNKNOWN' && serving > 0 && alive === 0

/** Rungs that one result speaks for. */
function heightOf({ isOk, isAlive, isUnsure, isLeaving }: Finding): number {
  if (isLeaving === true) return HEIGHT.ALIVE
  if (isOk) return HEIGHT.UP
  if (isUnsure === true) return HEIGHT.UNSURE
  return isAlive === true ? HEIGHT.ALIVE : HEIGHT.DOWN
}

const settled = (height: number, isLeaving: boolean): Verdict => ({
  ...CALM,
  status: STATUSES[height] ?? 'DOWN',
  isLeaving
})

/**
 * Its sessions are to be ended: it does not answer, and did not say before that it would go or is not ready. One that did and now
 * refuses connections still serves those it has, and its kernel ends them with it; when its host is silent too it is dead.
 */
export const isDead = (verdict: Verdict): boolean => verdict.status === 'DOWN' && !verdict.isLeaving

/** It may serve, but its last check failed: better servers first. */
export const isDoubtful = (verdict: Verdict): boolean =>
  (verdict.status === 'UP' || verdict.status === 'UNSURE') && verdict.streak > 0

/** Which interval its checks take: `moving` until there is a verdict that its last result agrees with. */
export function phaseOf(verdict: Verdict): Phase {
  if (verdict.status === 'UNKNOWN' || verdict.streak > 0) return 'moving'
  return verdict.status === 'DOWN' ? 'down' : 'up'
}
