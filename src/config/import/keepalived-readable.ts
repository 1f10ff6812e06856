import { type Directive, type DirectiveDraft, keywordOf } from './directive.js'
import { isCredential } from './keepalived-hmac.js'
import type { Report } from './report.js'

/** Takes out what only keepalived's own preprocessor can read, at every depth, and says so. */
export function readable(lines: readonly DirectiveDraft[], text: string, report: Report): Directive[] {
  return without(lines, definedNames(text), report)
}

/** Names that the file itself defines: `$NAME=value`. A `$` in front of anything else is just a character. */
const definedNames = (text: string): ReadonlySet<string> =>
  new Set([...text.matchAll(/^[ \t]*\$([A-Za-z_]\w*)[ \t]*=/gm)].map((match) => match[1] ?? ''))

function without(lines: readonly DirectiveDraft[], names: ReadonlySet<string>, report: Report): Directive[] {
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
      const isSecret = /^(?:auth_pass|key)/.test(keyword)
      report.add(
        'changed',
        line,
        isSecret ? keyword.slice(0, /^key/.test(keyword) ? 3 : 9) : keyword,
        `${isSecret ? 'a `$` in it is not understood' : why}: left out. Write out what applies to this host`
      )
      return []
    }
    return [line.block === undefined ? line : { ...line, block: without(line.block, names, report) }]
  })
}

function unreadable({ words }: Directive, names: ReadonlySet<string>): string {
  const first = words[0] ?? ''
  if (/^@/.test(first)) return 'lines for certain hosts only (`@name`) are not understood'
  if (/^\$\w+=/.test(first) || (/^\$\w+$/.test(first) && words[1]?.startsWith('=') === true))
    return 'definitions are not understood'
  if (words.some((word) => /^~(?:SEQ|LST)\(/.test(word))) return '`~SEQ` is not understood'
  const used = words
    .filter((word) => !isCredential(word))
    .flatMap((word) => [...word.matchAll(/\$\{?([A-Za-z_]\w*)/g)].map((match) => match[1] ?? ''))
  const known = used.find((name) => names.has(name) || /^_[A-Z]/.test(name))
  return known === undefined ? '' : `\`$${known}\` is not understood`
}
