/**
 * warning: harmless leftover. changed: vipd behaves differently. trap: was wrong before, and is carried over as it is.
 * error: cannot be understood, nothing is written. refused: understood, but not something an import can do.
 */
export type Level = 'warning' | 'changed' | 'trap' | 'error' | 'refused'

/** One thing to say about one line of an old file. */
export interface Note {
  readonly file: string
  readonly line: number
  readonly level: Level
  /** The keyword it is about, never a secret; '' when there is none. */
  readonly subject: string
  readonly text: string
}

/** Where a line stands. */
export interface Line {
  readonly line: number
}

/** Collects what is said about one file. A line that was carried over is counted once, however often it is used. */
export interface Report {
  readonly file: string
  readonly notes: readonly Note[]
  readonly carried: number
  isCarried(line: number): boolean
  carry(at: Line): void
  add(level: Level, at: Line, subject: string, text: string): void
}

/** More errors than this help nobody. */
const MAX_ERRORS = 50

/** An empty report about a file. */
export function createReport(file: string): Report {
  const notes: Note[] = []
  const lines = new Set<number>()
  return {
    file,
    notes,
    get carried() {
      return lines.size
    },
    isCarried: (line) => lines.has(line),
    carry: ({ line }) => {
      lines.add(line)
    },
    add: (level, { line }, subject, text) => {
      notes.push({ file, line, level, subject, text })
    }
  }
}

/** How a report looks on a terminal. */
export interface Look {
  readonly colour: boolean
}

/** Notes for people: harmless first, what changes behaviour last, then one line that sums up. */
export function formatReport(notes: readonly Note[], carried: number, { colour }: Look): string {
  const failures = notes.filter(isFailure)
  if (failures.length > 0) return formatFailures(failures, colour)
  const warnings = merge(notes.filter((note) => note.level === 'warning'))
  const changes = merge(notes.filter((note) => note.level === 'changed'))
  const traps = merge(notes.filter((note) => note.level === 'trap'))
  const parts: string[] = []
  if (warnings.length > 0) parts.push(section('Not carried over, harmless:', warnings, colour))
  if (changes.length > 0) parts.push(section('CHANGED: vipd behaves differently here, please read:', changes, colour))
  if (traps.length > 0) parts.push(section('Traps in the old files, whatever runs them:', traps, colour))
  const change = changes.length === 1 ? 'changes' : 'change'
  const sums = [`${carried} carried over`, count(warnings.length, 'warning'), `${changes.length} ${change} behaviour`]
  parts.push(`${[...sums, count(traps.length, 'trap')].join(', ')}\n`)
  return parts.join('\n')
}

/** True for notes with which nothing is written. */
export const isFailure = (note: Note): boolean => note.level === 'error' || note.level === 'refused'

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`

function formatFailures(failures: readonly Note[], colour: boolean): string {
  const merged = merge(failures)
  const lines = merged.slice(0, MAX_ERRORS).map((note) => formatNote(note, colour))
  if (merged.length > MAX_ERRORS) lines.push(`… and ${merged.length - MAX_ERRORS} more`)
  return `${lines.join('\n')}\n\n${count(merged.length, 'problem')}, nothing was written\n`
}

const section = (title: string, notes: readonly Merged[], colour: boolean): string =>
  `${title}\n${notes.map((note) => formatNote(note, colour)).join('\n')}\n`

interface Merged extends Note {
  /** Further lines of the same file to which the same applies. */
  readonly also: number[]
}

/** The same words about several lines are said once. In the order of the files. */
function merge(notes: readonly Note[]): Merged[] {
  const seen = new Map<string, Merged>()
  const files = [...new Set(notes.map((note) => note.file))]
  for (const note of [...notes].sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line)) {
    const key = JSON.stringify([note.file, note.level, note.subject, note.text])
    const first = seen.get(key)
    if (first === undefined) seen.set(key, { ...note, also: [] })
    else if (first.line !== note.line && !first.also.includes(note.line)) first.also.push(note.line)
  }
  return [...seen.values()]
}

const COLOURS: Readonly<Record<Level, string>> = {
  warning: '33',
  changed: '1;31',
  trap: '1;35',
  error: '1;31',
  refused: '1;31'
}

const TAGS: Readonly<Record<Level, string>> = {
  warning: 'warning: ',
  changed: 'CHANGED: ',
  trap: 'trap: ',
  error: '',
  refused: ''
}

function formatNote(note: Merged, colour: boolean): string {
  const tag = TAGS[note.level]
  const painted = colour && tag !== '' ? `\u001b[${COLOURS[note.level]}m${tag.trim()}\u001b[0m ` : tag
  const subject = note.subject === '' ? '' : `${printable(note.subject)}: `
  const also =
    note.also.length === 0
      ? ''
      : ` (also line ${note.also.slice(0, 20).join(', ')}${note.also.length > 20 ? ', …' : ''})`
  return `${note.file}:${note.line}: ${painted}${subject}${printable(note.text, 1000)}${also}`
}

/** Nothing from a file may steer a terminal, or fill it. */
function printable(text: string, most = 60): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be removed
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')
  return clean.length > most ? `${clean.slice(0, most)}…` : clean
}
