import type { Diagnosis } from '../doctor/doctor.js'
import type { Finding, Level } from '../doctor/finding.js'
import { type Paint, painter, wrap } from './text.js'

const COLOURS = { error: 'red', warning: 'yellow', note: 'bold' } as const

/** The doctor's findings for a person: worst first, at most 100 columns. */
export function doctorText(file: string, { checks, findings, blind }: Diagnosis, isColoured: boolean): string {
  const paint = painter(isColoured)
  const silent = checks.filter((name) => findings.every(({ check }) => check !== name))
  return `${[
    `${file}: ${checks.length} checks: ${count(findings, 'error')}, ${count(findings, 'warning')}, ${count(findings, 'note')}`,
    ...alike(findings).flatMap((group) => ['', ...groupLines(group, paint)]),
    ...(blind.length === 0
      ? []
      : ['', ...blind.flatMap(({ what, why }) => wrap('not looked at: ', `${what}: ${why}`))]),
    ...(silent.length === 0 ? [] : ['', ...wrap('nothing found: ', silent.join(', '))])
  ].join('\n')}\n`
}

/** What is wrong in the same way in several places is explained once. */
function alike(findings: readonly Finding[]): (readonly [Finding, ...Finding[]])[] {
  const groups = new Map<string, [Finding, ...Finding[]]>()
  for (const one of findings) {
    const key = [one.level, one.check, one.why, one.mend].join('\n')
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [one])
    else group.push(one)
  }
  return [...groups.values()]
}

function groupLines(group: readonly [Finding, ...Finding[]], paint: Paint): string[] {
  const [{ why, mend }] = group
  return [...group.flatMap((one) => headLines(one, paint)), ...wrap('  why:  ', why), ...wrap('  mend: ', mend)]
}

function headLines({ level, check, what }: Finding, paint: Paint): string[] {
  const head = `${level}: `
  const [first = '', ...rest] = wrap(head, `${what} [${check}]`)
  return [`${paint(head.trimEnd(), COLOURS[level])}${first.slice(head.length - 1)}`, ...rest]
}

function count(findings: readonly Finding[], level: Level): string {
  const of = findings.filter((one) => one.level === level).length
  return `${of} ${level}${of === 1 ? '' : 's'}`
}
