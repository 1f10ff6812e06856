import { argumentOf, type Directive, type DirectiveDraft, keywordOf } from './directive.js'
import { type GlobalDefaults, importInstance } from './keepalived-instance.js'
import { parseKeepalived } from './keepalived-parser.js'
import { GLOBAL_LEFTOVERS, TOP_LEFTOVERS } from './keepalived-words.js'
import type { Report } from './report.js'
import { type Entry, entry, type Item, leftBehind, list } from './yaml-tree.js'

/** keepalived.conf → the top-level keys of a vipd configuration; everything else about it is in the report. */
export function importKeepalived(text: string, report: Report): Entry[] {
  const top = parseKeepalived(text, report)
  const definitions = definedNames(text)
  const lines = readable(top.block ?? [], definitions, report)
  const globals = importGlobals(lines, report)
  const items: Item[] = []
  let behind: readonly string[] = []
  for (const line of lines) {
    const one = keywordOf(line) === 'vrrp_instance' ? importInstance(line, globals, report) : undefined
    if (one === undefined) {
      behind = [...behind, ...(keywordOf(line) === 'global_defs' ? globalComments(line) : leftBehind(line))]
      review(line, report)
      continue
    }
    items.push({ ...one, above: [...behind, ...one.above] })
    behind = []
  }
  const vrrp = list(items, false, [...behind, ...top.tail])
  return items.length === 0 ? [] : [entry('vrrp', vrrp, { place: { file: report.file, line: 1 } })]
}

/** Comments of global_defs, of which nothing else is left. */
const globalComments = (line: Directive): readonly string[] => [
  ...leftBehind({ ...line, words: [keywordOf(line)] }),
  ...(line.block ?? []).flatMap(leftBehind),
  ...line.tail
]

function review(line: Directive, report: Report): void {
  const keyword = keywordOf(line)
  if (keyword === 'vrrp_instance' || keyword === 'global_defs') return
  const leftover = TOP_LEFTOVERS.get(keyword)
  const subject = line.words.slice(0, 2).join(' ')
  if (leftover !== undefined) report.add(leftover.level, line, subject, leftover.text)
  else report.add('changed', line, keyword, 'not understood: left out. Is it spelled right?')
}

function importGlobals(lines: readonly Directive[], report: Report): GlobalDefaults {
  const garp: Directive[] = []
  let version = '2'
  let isStrict = false
  for (const line of lines.filter((one) => keywordOf(one) === 'global_defs').flatMap((one) => one.block ?? [])) {
    const keyword = keywordOf(line)
    const leftover = GLOBAL_LEFTOVERS.get(keyword)
    isStrict ||= keyword === 'vrrp_strict'
    if (keyword === 'vrrp_version') {
      version = argumentOf(line)
      if (version !== '2' && version !== '3') report.add('error', line, keyword, `must be 2 or 3, not \`${version}\``)
      else report.carry(line)
    } else if (/^vrrp_garp_master_(?:repeat|delay|refresh|refresh_repeat)$/.test(keyword)) {
      garp.push(line)
    } else if (leftover !== undefined) {
      report.add(leftover.level, line, keyword, leftover.text)
    } else {
      report.add('changed', line, keyword, 'not understood: left out. Is it spelled right?')
    }
  }
  return { version, isStrict, garp }
}

/** Names that the file itself defines: `$NAME=value`. A `$` in front of anything else is just a character. */
const definedNames = (text: string): ReadonlySet<string> =>
  new Set([...text.matchAll(/^[ \t]*\$([A-Za-z_]\w*)[ \t]*=/gm)].map((match) => match[1] ?? ''))

/** Takes out what only keepalived's own preprocessor can read, at every depth, and says so. */
function readable(lines: readonly DirectiveDraft[], names: ReadonlySet<string>, report: Report): Directive[] {
  return lines.flatMap((line): Directive[] => {
    const keyword = keywordOf(line)
    const why = unreadable(line, names)
    if (/^include[a-z]?$/.test(keyword)) {
      report.add(
        'refused',
        line,
        keyword,
        'this import reads one file and follows no `include`: put its lines here, then import again'
      )
      return []
    }
    if (why !== '') {
      report.add(
        'changed',
        line,
        /^auth_pass/.test(keyword) ? 'auth_pass' : keyword,
        `${why}: left out. Write out what applies to this host`
      )
      return []
    }
    return [line.block === undefined ? line : { ...line, block: readable(line.block, names, report) }]
  })
}

function unreadable({ words }: Directive, names: ReadonlySet<string>): string {
  const first = words[0] ?? ''
  if (/^@/.test(first)) return 'lines for certain hosts only (`@name`) are not understood'
  if (/^\$\w+=/.test(first) || (/^\$\w+$/.test(first) && words[1]?.startsWith('=') === true))
    return 'definitions are not understood'
  if (words.some((word) => /^~(?:SEQ|LST)\(/.test(word))) return '`~SEQ` is not understood'
  const used = words.flatMap((word) => [...word.matchAll(/\$\{?([A-Za-z_]\w*)/g)].map((match) => match[1] ?? ''))
  const known = used.find((name) => names.has(name) || /^_[A-Z]/.test(name))
  return known === undefined ? '' : `\`$${known}\` is not understood`
}
