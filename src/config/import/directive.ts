/** One line of an old configuration file, or one block of them: a keyword, its words, and the comments around it. */
export interface Directive {
  /** Counted from 1. */
  readonly line: number
  /** The keyword and its arguments, without quotes. */
  readonly words: readonly string[]
  /** Own-line comments that stand before it, without their mark. */
  readonly above: readonly string[]
  /** The comment at the end of its line; '' is none. */
  readonly beside: string
  /** What stands inside its braces, or in its section. */
  readonly block: readonly Directive[] | undefined
  /** Own-line comments after the last line of the block. */
  readonly tail: readonly string[]
  /** Why its words cannot be taken as they stand ('an environment variable'); '' is that they can. */
  readonly opaque: string
}

/** What a parser builds a Directive from. */
export interface DirectiveDraft extends Directive {
  readonly words: string[]
  beside: string
  block: DirectiveDraft[] | undefined
  tail: string[]
  opaque: string
}

/** A directive that has begun on a line, with no words yet. */
export const draftDirective = (line: number, above: readonly string[]): DirectiveDraft => ({
  line,
  words: [],
  above,
  beside: '',
  block: undefined,
  tail: [],
  opaque: ''
})

/** Its keyword, or '' when it has none. */
export const keywordOf = (directive: Directive): string => directive.words[0] ?? ''

/** The first argument, or '' when there is none. */
export const argumentOf = (directive: Directive): string => directive.words[1] ?? ''

/** A comment line as text: its mark and surrounding blanks removed, and nothing in it that YAML forbids. */
export const commentText = (raw: string): string =>
  raw
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be removed
    .replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]/gu, ' ')
    .trim()

/** A directive as the user wrote it, for a comment: its words, and its own comment behind them. */
export const asComment = (directive: Directive): string =>
  commentText(`${directive.words.join(' ')}${directive.beside === '' ? '' : ` # ${directive.beside}`}`)
