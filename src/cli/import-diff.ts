import stringWidth from 'string-width'
import type { Conversion, Source } from '../config/import/convert.js'
import { type Pair, sideBySide } from '../config/import/side-by-side.js'
import { printable } from './text.js'

/** How the two are laid out. */
export interface Layout {
  /** Of the terminal: both halves and the mark between them. */
  readonly columns: number
  readonly isColoured: boolean
}

const MARK_WIDTH = 3
/** Narrower than this no half can be read: then lines run on behind the terminal's edge. */
const MIN_HALF = 24
const MAX_HALF = 80
const LEGEND = '= carried over    ! carried over, and there is something to read    - left out'
const COLOURS = { '=': '', ' ': '', '!': '1;31', '-': '33' } as const

/** The old files and the new one side by side, for a person. */
export function importDiff(sources: readonly Source[], conversion: Conversion, layout: Layout): string {
  const half = Math.min(MAX_HALF, Math.max(MIN_HALF, Math.floor((layout.columns - MARK_WIDTH) / 2)))
  const paint = (code: string, text: string): string =>
    layout.isColoured && code !== '' ? `\x1b[${code}m${text}\x1b[0m` : text
  const lines = [LEGEND]
  for (const source of sources) {
    lines.push('', paint('1', `${padded(printable(source.path), half)}   the new file`))
    for (const pair of sideBySide(source, conversion))
      lines.push(...layOut(pair, half).map((line) => paint(COLOURS[pair.mark], line)))
  }
  return `${lines.join('\n')}\n`
}

function layOut({ left, mark, right }: Pair, half: number): string[] {
  const lefts = folded(printable(left), half)
  const rights = right.flatMap((one) => folded(printable(one), half))
  const count = Math.max(lefts.length, rights.length)
  return Array.from({ length: count }, (_, i) =>
    `${padded(lefts[i] ?? '', half)} ${i === 0 ? mark : ' '} ${rights[i] ?? ''}`.trimEnd()
  )
}

/** To a width in columns: Chinese characters take two. */
const padded = (text: string, width: number): string => `${text}${' '.repeat(Math.max(0, width - stringWidth(text)))}`

/** A text on as many lines as it takes, those below the first indented as far and a little more. */
function folded(text: string, width: number): string[] {
  const lines: string[] = []
  const indent = Math.min(/^ */.exec(text)?.[0].length ?? 0, Math.floor(width / 2))
  const hang = `${' '.repeat(indent)}${text.trimStart().startsWith('#') ? '# ' : '  '}`
  let rest = text
  while (stringWidth(rest) > width) {
    const end = fitting(rest, width)
    const space = rest.lastIndexOf(' ', end)
    const at = space > hang.length ? space : Math.max(end, hang.length + 1)
    lines.push(rest.slice(0, at))
    rest = `${hang}${rest.slice(at).trimStart()}`
  }
  return [...lines, rest]
}

/** How much of a text fits, in characters. */
function fitting(text: string, width: number): number {
  let at = 0
  let columns = 0
  for (const character of text) {
    columns += stringWidth(character)
    if (columns > width) break
    at += character.length
  }
  return at
}
