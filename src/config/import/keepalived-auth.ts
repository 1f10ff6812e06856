import { argumentOf, type Directive, keywordOf } from './directive.js'
import type { Report } from './report.js'
import { type Entry, entry, leftBehind, type MapNode, map, quoted, scalar } from './yaml-tree.js'

/** What keepalived keeps of a password (RFC 2338 §5.3.10: eight octets). */
const PASS_BYTES = 8

/** authentication { … } as vipd has it; undefined is none, 'refused' is a kind that vipd cannot speak. */
export function importAuthentication(block: Directive, report: Report): MapNode | 'refused' | undefined {
  const lines = block.block ?? []
  const type = lines.findLast((line) => keywordOf(line) === 'auth_type')
  const pass = lines.findLast((line) => keywordOf(line) === 'auth_pass')
  for (const line of lines) reviewLine(line, report)
  if (type !== undefined && argumentOf(type).toUpperCase() === 'AH') {
    report.add(
      'changed',
      type,
      'auth_type AH',
      'vipd speaks PASS only, and peers with AH would not hear it: this instance is left out'
    )
    return 'refused'
  }
  if (type === undefined && pass === undefined) return undefined
  if (type === undefined || pass === undefined) {
    const missing = type === undefined ? 'auth_type PASS' : 'auth_pass PASSWORD'
    report.add('error', block, 'authentication', `\`${missing}\` is missing`)
    return undefined
  }
  if (!['PASS', 'SIMPLE'].includes(argumentOf(type).toUpperCase())) {
    report.add('error', type, 'auth_type', 'must be PASS')
  }
  return map(authEntries(lines, type, pass, report), true, block.tail)
}

function authEntries(lines: readonly Directive[], type: Directive, pass: Directive, report: Report): Entry[] {
  let behind: readonly string[] = []
  const entries: Entry[] = []
  for (const line of lines) {
    const isType = line === type
    if (!isType && line !== pass) {
      // Never a word of it: it may hold a password.
      behind = [...behind, ...leftBehind({ ...line, words: [keywordOf(line)] })]
      continue
    }
    report.carry(line)
    const node = isType ? scalar('PASS') : quoted(cutPassword(line, report))
    const place = { file: report.file, line: line.line }
    const above = [...behind, ...line.above]
    entries.push(entry(isType ? 'auth_type' : 'auth_pass', node, { above, beside: line.beside, place }))
    behind = []
  }
  return entries
}

function reviewLine(line: Directive, report: Report): void {
  const keyword = keywordOf(line)
  if (keyword !== 'auth_type' && keyword !== 'auth_pass') {
    report.add('error', line, keyword, 'not understood: `authentication` has auth_type and auth_pass')
  } else if (line.words.length !== 2) {
    report.add('error', line, keyword, 'must have one value, on a line of its own')
  }
}

function cutPassword(line: Directive, report: Report): string {
  const bytes = new TextEncoder().encode(argumentOf(line))
  if (bytes.length <= PASS_BYTES) return argumentOf(line)
  report.add(
    'warning',
    line,
    'auth_pass',
    `has ${bytes.length} bytes and only the first ${PASS_BYTES} ever counted: cut to these, as keepalived does`
  )
  return new TextDecoder().decode(bytes.subarray(0, PASS_BYTES))
}
