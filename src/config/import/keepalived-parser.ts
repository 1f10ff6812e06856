import { commentText, type DirectiveDraft, draftDirective } from './directive.js'
import type { Report } from './report.js'

/** keepalived.conf as blocks in blocks. Every syntax error is in the report; what could be read is returned. */
export function parseKeepalived(text: string, report: Report): DirectiveDraft {
  const top = draftDirective(1, [])
  top.block = []
  const builder: Builder = { stack: [top], pending: [], current: undefined, first: undefined, report, isTooDeep: false }
  for (const { text: line, number } of logicalLines(text)) {
    const { tokens, comment, isUnterminated } = scanLine(line)
    if (isUnterminated)
      report.add('error', { line: number }, '', 'a quote is opened and not closed: add the closing `"`')
    for (const token of tokens) take(builder, token, number)
    endLine(builder, comment)
    if (builder.isTooDeep) break
  }
  for (const open of builder.stack.slice(1).filter(({ words }) => words.length > 0)) {
    const name = open.words.slice(0, 2).join(' ')
    report.add('error', open, name, 'this block is never closed: add its `}`')
  }
  top.tail = builder.pending
  return top
}

const MAX_DEPTH = 16

interface Builder {
  readonly stack: DirectiveDraft[]
  pending: string[]
  /** The directive that further words of this line belong to. */
  current: DirectiveDraft | undefined
  /** The first directive of this line: it gets the comment at its end. */
  first: DirectiveDraft | undefined
  readonly report: Report
  isTooDeep: boolean
}

interface Token {
  readonly text: string
  readonly kind: 'word' | 'open' | 'close'
}

function take(builder: Builder, token: Token, line: number): void {
  const frame = builder.stack.at(-1)
  if (frame === undefined) return
  switch (token.kind) {
    case 'word':
      if (builder.current === undefined) {
        builder.current = draftDirective(line, builder.pending)
        builder.first ??= builder.current
        builder.pending = []
        frame.block?.push(builder.current)
      }
      builder.current.words.push(token.text)
      return
    case 'open':
      openBlock(builder, frame, line)
      return
    case 'close': {
      builder.current = undefined
      if (builder.stack.length === 1) {
        builder.report.add(
          'error',
          { line },
          '',
          'a `}` without its `{`: remove it, or add the `{` that is missing above'
        )
        return
      }
      frame.tail = builder.pending
      builder.pending = []
      builder.stack.pop()
      return
    }
  }
}

function openBlock(builder: Builder, frame: DirectiveDraft, line: number): void {
  const owner = builder.current ?? frame.block?.at(-1)
  builder.current = undefined
  if (owner === undefined || owner.block !== undefined) {
    builder.report.add('error', { line }, '', 'a `{` without a keyword before it: write the keyword, or remove the `{`')
    // The braces still have to match: what is inside belongs to nothing.
    const nameless = draftDirective(line, [])
    nameless.block = []
    builder.stack.push(nameless)
  } else {
    owner.block = []
    builder.stack.push(owner)
  }
  if (builder.stack.length > MAX_DEPTH) {
    builder.report.add(
      'error',
      { line },
      '',
      `blocks are nested more than ${MAX_DEPTH} deep: this is no keepalived.conf`
    )
    builder.isTooDeep = true
  }
}

function endLine(builder: Builder, comment: string | undefined): void {
  const text = comment === undefined ? '' : commentText(comment)
  if (text !== '') {
    if (builder.first === undefined) builder.pending.push(text)
    else builder.first.beside = text
  }
  builder.current = undefined
  builder.first = undefined
}

/** Lines, those that end in a backslash joined with the next. */
function logicalLines(text: string): { text: string; number: number }[] {
  const lines: { text: string; number: number }[] = []
  let open: { text: string; number: number } | undefined
  for (const [index, raw] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const line: { text: string; number: number } = open ?? { text: '', number: index + 1 }
    const continues = /(?:^|[^\\])(?:\\\\)*\\$/.test(raw) && !/^\s*[#!]/.test(raw)
    line.text += continues ? `${raw.slice(0, -1)} ` : raw
    open = continues ? line : undefined
    if (!continues) lines.push(line)
  }
  if (open !== undefined) lines.push(open)
  return lines
}

/** Words, braces and the comment of one line. `#` and `!` begin a comment anywhere outside quotes, as in keepalived. */
function scanLine(line: string): { tokens: Token[]; comment: string | undefined; isUnterminated: boolean } {
  const tokens: Token[] = []
  let word: string | undefined
  let quote = ''
  const flush = (): void => {
    if (word !== undefined) tokens.push({ text: word, kind: 'word' })
    word = undefined
  }
  for (let i = 0; i < line.length; i++) {
    const char = line.charAt(i)
    const next = line.charAt(i + 1)
    if (char === '\\' && (quote === '' ? /[#!"'\\{}]/ : /["'\\]/).test(next)) {
      word = (word ?? '') + next
      i++
    } else if (quote !== '') {
      if (char === quote) quote = ''
      else word = (word ?? '') + char
    } else if (char === '"' || (char === "'" && word === undefined)) {
      quote = char
      word ??= ''
    } else if (char === '#' || char === '!') {
      flush()
      return { tokens, comment: line.slice(i + 1), isUnterminated: false }
    } else if (char === '{' && word?.endsWith('$') === true) {
      // ${NAME} is one word.
      const end = line.indexOf('}', i)
      word += end < 0 ? line.slice(i) : line.slice(i, end + 1)
      i = end < 0 ? line.length : end
    } else if (char === '{' || char === '}') {
      flush()
      tokens.push({ text: char, kind: char === '{' ? 'open' : 'close' })
    } else if (/\s/.test(char)) {
      flush()
    } else {
      word = (word ?? '') + char
    }
  }
  flush()
  return { tokens, comment: undefined, isUnterminated: quote !== '' }
}
