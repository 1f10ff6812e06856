import { argumentOf, type Directive } from './directive.js'
import { type Ranked, ranked } from './haproxy-ranked.js'
import { linesOf, type Section } from './haproxy-section.js'
import type { Report } from './report.js'
import { scalar } from './yaml-tree.js'

/** `balance` and `hash-type`. An algorithm that looks into HTTP is none here. */
export function importBalance(back: Section, report: Report): Ranked[] {
  const lines = linesOf(back, 'balance')
  const last = lines.at(-1)
  const algorithm = last === undefined ? 'roundrobin' : algorithmOf(last, report)
  return [
    ...(last === undefined ? [] : balanceKey(algorithm, last, lines, back, report)),
    ...hashType(algorithm, back, report)
  ]
}

function balanceKey(
  algorithm: string,
  last: Directive,
  lines: readonly Directive[],
  back: Section,
  report: Report
): Ranked[] {
  const given = last.words.slice(1).join(' ')
  const keys = ranked('balance', scalar(algorithm), lines, back, report)
  if (algorithm === given) return keys
  return keys.map((one) => {
    const beside = one.entry.beside === '' ? `was ${given}` : `was ${given}; ${one.entry.beside}`
    return { ...one, entry: { ...one.entry, beside } }
  })
}

/** The algorithm as vipd has it. */
function algorithmOf(line: Directive, report: Report): string {
  const given = argumentOf(line)
  if (/^(?:roundrobin|static-rr|leastconn|first|random(?:\([1-9]\d?\))?)$/.test(given)) return given
  if (given === 'source' || (given === 'hash' && line.words[2] === 'src')) {
    const text =
      'a client keeps its server as long as the servers stay the same, but it may be another one than haproxy’s'
    report.add('warning', line, `balance ${given}`, text)
    return 'source'
  }
  const text = `${given} looks at what vipd does not read: roundrobin is used`
  report.add('changed', line, `balance ${given}`, text)
  return 'roundrobin'
}

function hashType(algorithm: string, back: Section, report: Report): Ranked[] {
  const lines = linesOf(back, 'hash-type')
  const last = lines.at(-1)
  if (last === undefined) return []
  if (algorithm !== 'source') {
    for (const line of lines) report.add('warning', line, 'hash-type', `has no effect with ${algorithm}: left out`)
    return []
  }
  if (last.words.length > 2) {
    report.add('warning', last, 'hash-type', 'vipd has one hash function: the one named here is left out')
  }
  return ranked('hash_type', scalar(argumentOf(last)), lines, back, report)
}
