import type { Facts } from './facts.js'

/** error: it will not work, or does not now. warning: it will hurt one day. note: worth knowing. */
export type Level = 'error' | 'warning' | 'note'

/** What a check found, why it matters, and the command or line that mends it. */
export interface Found {
  readonly level: Level
  readonly what: string
  readonly why: string
  readonly mend: string
}

export interface Finding extends Found {
  readonly check: string
}

/** One thing that is looked at. Pure: it sees the facts alone. */
export interface Check {
  /** API: `vipd doctor --json` tells it. */
  readonly name: string
  /** What is as it should be when it finds nothing. */
  readonly title: string
  readonly look: (facts: Facts) => readonly Found[]
}

const ORDER: readonly Level[] = ['error', 'warning', 'note']

/** All that the checks find, errors first. */
export function examine(facts: Facts, checks: readonly Check[]): Finding[] {
  const findings = checks.flatMap(({ name, look }) => look(facts).map((found) => ({ check: name, ...found })))
  return ORDER.flatMap((level) => findings.filter((finding) => finding.level === level))
}

const level =
  (level: Level) =>
  (what: string, why: string, mend: string): Found => ({ level, what, why, mend })

export const error = level('error')
export const warning = level('warning')
export const note = level('note')
