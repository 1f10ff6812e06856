import { commentText, type DirectiveDraft, draftDirective } from './directive.js'
import type { Report } from './report.js'

/** haproxy.cfg as sections, each with its lines as its block. Every syntax error is in the report. */
export function parseHaproxy(text: string, report: Report): DirectiveDraft {
  const top = draftDirective(1, [])
  top.block = []
  let section: DirectiveDraft | undefined
  let pending: string[] = []
  for (const [index, raw] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = draftDirective(index + 1, pending)
    const { words, comment, opaque, problem } = scanLine(raw)
    if (problem !== '') report.add('error', line, '', problem)
    line.words.push(...words)
    line.opaque = opaque
    const said = commentText(comment ?? '')
    if (words.length === 0) {
      if (said !== '') pending.push(said)
      continue
    }
    line.beside = said
    pending = []
    const keyword = words[0] ?? ''
    if (SECTIONS.has(keyword)) {
      line.block = []
      section = line
      top.block.push(line)
    } else if (section === undefined && /^(?:include|\.)/.test(keyword)) {
      top.block.push(line)
    } else if (section === undefined) {
      report.add(
        'error',
        line,
        keyword,
        'stands before the first section: write `global`, `defaults` or `listen NAME` above it'
      )
    } else {
      section.block?.push(line)
    }
  }
  const last = section ?? top
  last.tail = pending
  return top
}

const SECTIONS: ReadonlySet<string> = new Set([
  'global',
  'defaults',
  'listen',
  'frontend',
  'backend',
  'peers',
  'resolvers',
  'userlist',
  'mailers',
  'program',
  'cache',
  'http-errors',
  'ring',
  'fcgi-app',
  'log-forward',
  'log-profile',
  'crt-store',
  'traces',
  'healthcheck',
  'acme'
])

interface Scanned {
  readonly words: readonly string[]
  readonly comment: string | undefined
  readonly opaque: string
  readonly problem: string
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t']
])

/** One line's words: '…' is literal, "…" has escapes and variables, a backslash takes the next character as it is. */
function scanLine(line: string): Scanned {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  let opaque = ''
  let comment: string | undefined
  for (let i = 0; i < line.length; i++) {
    const char = line.charAt(i)
    if (char === '\\' && quote !== "'" && i + 1 < line.length) {
      const next = line.charAt(++i)
      const isKept = quote === '"' && !/["\\$]/.test(next)
      word = (word ?? '') + (isKept ? `\\${next}` : (ESCAPES.get(next) ?? next))
    } else if (quote !== '') {
      if (char === quote) quote = ''
      else word = (word ?? '') + char
      if (char === '$' && quote === '"') opaque = 'an environment variable'
    } else if (char === '"' || char === "'") {
      quote = char
      word ??= ''
    } else if (char === '#') {
      comment = line.slice(i + 1)
      break
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else {
      word = (word ?? '') + char
    }
  }
  if (word !== undefined) words.push(word)
  const problem = quote === '' ? '' : `a quote is opened and not closed: add the closing ${quote}`
  return { words, comment, opaque, problem }
}
