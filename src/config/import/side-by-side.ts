import type { Conversion, Source } from './convert.js'
import type { Note } from './report.js'
import type { YamlLine } from './yaml-writer.js'

/** A line of an old file, and beside it what it has become: several lines, or the reason why it is none. */
export interface Pair {
  readonly left: string
  /** `=` it is in the new file, `!` it is and vipd does it differently or it is a trap, `-` it was left out. */
  readonly mark: '=' | '!' | '-' | ' '
  /** YAML, and behind a # what there is to say. */
  readonly right: readonly string[]
}

/** The lines of an old file with what each has become, in the order of the old file. */
export function* sideBySide({ path, text }: Source, conversion: Conversion): Generator<Pair> {
  const placed = attach(conversion.lines)
  const saidAt = new Map<string, number>()
  const old = text.replace(/\n$/, '').split(/\r?\n/)
  for (const [i, raw] of old.entries()) {
    const line = i + 1
    const here = placed.get(keyOf(path, line))
    const notes = conversion.notes.filter((note) => note.file === path && note.line === line)
    const isThere = here !== undefined || conversion.isCarried(path, line)
    const isTold = notes.some(({ level }) => level === 'changed' || level === 'trap')
    const words = isThere && !isTold ? [] : wordsOf(notes, line, saidAt)
    const mark = isThere ? (isTold ? '!' : '=') : notes.length > 0 ? '-' : ' '
    yield { left: raw.replaceAll('\t', '  '), mark, right: [...(isThere ? yamlOf(here) : []), ...words] }
  }
}

interface Place {
  readonly shown: string[]
  /** The line beside which that stands which this one is in too. */
  readonly elsewhere: number | undefined
}

function yamlOf(here: Place | undefined): readonly string[] {
  if (here === undefined) return ['# in the lines that it applies to']
  if (here.shown.length > 0) return here.shown
  return here.elsewhere === undefined ? [] : [`# in what is beside line ${here.elsewhere}`]
}

/** What was said before is not said again: where it stands is enough. */
function wordsOf(notes: readonly Note[], line: number, saidAt: Map<string, number>): string[] {
  const words = new Set<string>()
  for (const { subject, text } of notes) {
    const before = saidAt.get(`${subject} ${text}`)
    const about = subject === '' ? '' : `${subject}: `
    words.add(before === undefined || before === line ? `# ${about}${text}` : `# ${about}as said at line ${before}`)
    if (before === undefined) saidAt.set(`${subject} ${text}`, line)
  }
  return [...words]
}

const keyOf = (file: string, line: number): string => `${line} ${file}`

/** Headings of our own go to the first line below them that has a place; what several lines have become, to the first. */
function attach(lines: readonly YamlLine[]): ReadonlyMap<string, Place> {
  const placed = new Map<string, Place>()
  let headings: string[] = []
  for (const { text, places } of lines) {
    const [first, ...others] = places
    if (first === undefined) {
      if (text !== '' && !text.startsWith('#')) headings.push(text)
      continue
    }
    const key = keyOf(first.file, first.line)
    const here = placed.get(key) ?? { shown: [], elsewhere: undefined }
    here.shown.push(...headings, text)
    placed.set(key, here)
    headings = []
    for (const other of others) {
      const there = keyOf(other.file, other.line)
      if (!placed.has(there)) placed.set(there, { shown: [], elsewhere: first.line })
    }
  }
  return placed
}
