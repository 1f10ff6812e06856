/** Our own signs, for terminals that have ASCII alone. */
const SIGNS: Readonly<Record<string, string>> = {
  '…': '...',
  '→': '->',
  '’': "'",
  '“': '"',
  '”': '"',
  '–': '-',
  '—': '-',
  '−': '-',
  '×': 'x',
  '·': '.',
  '§': 'section ',
  '≥': '>=',
  '≤': '<=',
  '✓': 'ok',
  '✗': 'x'
}

/** A text in ASCII; what has no likeness there is a question mark. Colours stay. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: all but these
export const toAscii = (text: string): string => text.replace(/[^\x00-\x7f]/gu, (sign) => SIGNS[sign] ?? '?')

interface Stream {
  readonly isTTY?: boolean
  write(...args: readonly unknown[]): boolean
}

/** Terminals whose locale is not UTF-8 get ASCII. Files and pipes always get what was said. */
export function asciiUnlessUtf8(environment: NodeJS.ProcessEnv, ...streams: readonly Stream[]): void {
  // POSIX: the first that is set and not empty counts.
  const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'] || ''
  if (locale === '' || /utf-?8/i.test(locale)) return
  for (const stream of streams) {
    if (stream.isTTY !== true) continue
    const write = stream.write.bind(stream)
    stream.write = (what, ...rest) => write(typeof what === 'string' ? toAscii(what) : what, ...rest)
  }
}
