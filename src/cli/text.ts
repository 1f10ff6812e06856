import { COLUMNS } from './width.js'

/** Paints a text, or leaves it as it is. Never before it was measured: colours have no width. */
export type Paint = (text: string, colour: 'green' | 'red' | 'yellow' | 'dim' | 'bold') => string

const CODES = { green: 32, red: 31, yellow: 33, dim: 2, bold: 1 } as const

export const painter =
  (isColoured: boolean): Paint =>
  (text, colour) =>
    isColoured ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text

/** Parts on as few lines as they fit on; one that is longer than a line is cut at a space, where it has one. */
export function flow(parts: readonly string[], separator: string, indent: string): string[] {
  const lines: string[] = []
  for (const [i, part] of parts.entries()) {
    const text = `${part}${i < parts.length - 1 ? separator.trimEnd() : ''}`
    const last = lines.at(-1)
    const joined = `${last ?? ''}${separator.endsWith(' ') ? ' ' : ''}${text}`
    if (last !== undefined && joined.length <= COLUMNS) lines[lines.length - 1] = joined
    else if (indent.length + text.length <= COLUMNS || !text.includes(' ')) lines.push(`${indent}${text}`)
    else lines.push(...flow(text.split(' '), ' ', indent))
  }
  return lines
}

/** A sentence on as many lines as it takes: the first after `head`, the others below where it began. */
export function wrap(head: string, sentence: string): string[] {
  const indent = ' '.repeat(head.length)
  const [first = '', ...rest] = flow(printable(sentence).split(' '), ' ', indent)
  return [`${head}${first.slice(indent.length)}`, ...rest]
}

/** Some of it comes from the network or from scripts: nothing of that may move the terminal's cursor. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
export const printable = (text: string): string => text.replace(/[\x00-\x1f\x7f-\x9f]/g, '?')

/** How long ago a moment was. @param now wall time in milliseconds */
export const ago = (iso: string, now: number): string => span(Math.max(0, Math.floor((now - Date.parse(iso)) / 1000)))

/** Seconds in the two largest units: 93784 → '1d 2h'. */
export function span(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's']
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  if (first < 0) return '0s'
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ')
}

/** 1536 → '1.5K' */
export function bytes(count: number): string {
  const units = ['', 'K', 'M', 'G', 'T', 'P']
  let value = count
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return unit === 0 ? String(value) : `${value.toFixed(1)}${units[unit]}`
}
