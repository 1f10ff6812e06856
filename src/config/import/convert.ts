import { importHaproxy } from './haproxy.js'
import { importKeepalived } from './keepalived.js'
import { createReport, isFailure, type Note, type Report } from './report.js'
import { MISSING, validate } from './validate.js'
import type { Entry } from './yaml-tree.js'
import { writeYaml, type YamlLine } from './yaml-writer.js'

/** A file as it was read. */
export interface Source {
  /** As the user named it. */
  readonly path: string
  readonly text: string
}

/** What became of the old files. */
export interface Conversion {
  /** refused: an include or the like, or nothing to carry over. unreadable: not understood. YAML is there only when done. */
  readonly outcome: 'done' | 'refused' | 'unreadable'
  readonly yaml: string
  /** The same, line by line, with where each comes from. */
  readonly lines: readonly YamlLine[]
  readonly notes: readonly Note[]
  /** Lines of the old files that are in the YAML. */
  readonly carried: number
  /** Whether a line of a file is one of them, though none of the YAML’s may come from it alone. */
  readonly isCarried: (file: string, line: number) => boolean
}

/** A file longer than this is not read: nobody writes one by hand. */
export const MAX_SOURCE_BYTES = 1 << 20
const MAX_LINES = 10_000
const KINDS = ['scalar', 'map', 'list']

/** keepalived.conf, haproxy.cfg or both → one native configuration, and what there is to say about it. */
export function convert(keepalived: Source | undefined, haproxy: Source | undefined): Conversion {
  const parts = [
    part(keepalived, (text, report) => importKeepalived(text, report, haproxy !== undefined)),
    part(haproxy, importHaproxy)
  ].filter((one) => one !== undefined)
  // nbthread and its kin come first, then global_defs, then the lists.
  const root = parts
    .flatMap(({ entries }) => entries)
    .sort((a, b) => KINDS.indexOf(a.node.kind) - KINDS.indexOf(b.node.kind))
  const notes = parts.flatMap(({ report }) => report.notes)
  const fallback = { file: (keepalived ?? haproxy)?.path ?? '', line: 1 }
  if (root.some((one) => one.node.kind === 'list')) {
    // What is missing may stand in a line that was not understood.
    const isBroken = notes.some(isFailure)
    notes.push(...validate(root, fallback).filter((one) => !isBroken || !one.text.endsWith(MISSING)))
  } else if (!notes.some(isFailure)) {
    notes.push({
      ...fallback,
      level: 'refused',
      subject: '',
      text: nothing(parts.flatMap(({ report }) => report.notes))
    })
  }
  const carried = parts.reduce((sum, { report }) => sum + report.carried, 0)
  const isCarried = (file: string, line: number): boolean =>
    parts.some(({ report }) => report.file === file && report.isCarried(line))
  const told = { notes, carried, isCarried }
  if (notes.some((note) => note.level === 'refused')) return { outcome: 'refused', yaml: '', lines: [], ...told }
  if (notes.some(isFailure)) return { outcome: 'unreadable', yaml: '', lines: [], ...told }
  const lines = writeYaml(header(keepalived, haproxy), root)
  return { outcome: 'done', yaml: lines.map(({ text }) => `${text}\n`).join(''), lines, ...told }
}

interface Part {
  readonly entries: readonly Entry[]
  readonly report: Report
}

function part(source: Source | undefined, run: (text: string, report: Report) => Entry[]): Part | undefined {
  if (source === undefined) return undefined
  const report = createReport(source.path)
  const isLong = source.text.length > MAX_SOURCE_BYTES
  // Sections inherit lines and share servers: work grows faster than the file.
  const hasManyLines = !isLong && source.text.split('\n', MAX_LINES + 1).length > MAX_LINES
  if (!isLong && !hasManyLines) return { entries: run(source.text, report), report }
  const what = isLong ? 'is longer than 1 MiB' : `has more than ${MAX_LINES} lines`
  report.add('error', { line: 1 }, '', `${what}: this is no configuration file`)
  return { entries: [], report }
}

/** Why nothing came of it: the notes that left something out say more than any sentence here. */
function nothing(notes: readonly Note[]): string {
  const why = notes
    .filter((note) => note.level === 'changed')
    .map((note) => `line ${note.line}, ${note.subject}: ${note.text}`)
  const because =
    why.length === 0 ? 'there is no vrrp_instance and no listen or frontend in it' : why.slice(0, 3).join('; ')
  return `nothing to carry over: ${because}`
}

function header(keepalived: Source | undefined, haproxy: Source | undefined): string[] {
  const names = [keepalived, haproxy].flatMap((one) => (one === undefined ? [] : [baseName(one.path)]))
  return [
    `vipd configuration, made by \`vipd import\` from ${names.join(' and ')}.`,
    'Comments are yours, from there. Next: read the report of the import, then `vipd check -c FILE`.'
  ]
}

const baseName = (path: string): string => (path.split('/').at(-1) ?? path).replace(/[^\x20-\x7e]/g, '?')
