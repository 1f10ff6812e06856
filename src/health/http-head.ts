/** The head of an answer. */
export interface Head {
  readonly status: number
  readonly reason: string
}

/** How the end of a body is known. */
export type Framing =
  | { readonly by: 'nothing' }
  | { readonly by: 'length'; readonly length: number }
  | { readonly by: 'chunks' }
  | { readonly by: 'close' }

export type ReadHead =
  | { readonly ok: true; readonly head: Head; readonly framing: Framing; readonly mayKeep: boolean }
  | { readonly ok: false; readonly why: string }

/**
 * The lines of a head, without their ends and without the empty one. What one reader could take differently than
 * another is refused (RFC 9112 §6.3). An interim answer (1xx) has no body and keeps its connection.
 * @param isHead whether HEAD was asked: then no body follows whatever the head says
 */
export function readHead([first = '', ...fields]: readonly string[], isHead: boolean): ReadHead {
  const match = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: (.*))?$/.exec(first)
  if (match === null) return bad(`not HTTP: ${excerpt(first)}`)
  const [, minor, code, reason = ''] = match
  const status = Number(code)
  if (status === 101) return bad('it switched to another protocol')
  if (fields.some((field) => !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+:/.test(field))) return bad('a broken header field')
  const framing = framingOf(fields, isHead || status < 200 || status === 204 || status === 304)
  if (typeof framing === 'string') return bad(framing)
  const connection = valuesOf(fields, 'connection').map((value) => value.toLowerCase())
  const isKept = minor === '1' ? !connection.includes('close') : connection.includes('keep-alive')
  return { ok: true, head: { status, reason: printable(reason) }, framing, mayKeep: isKept && framing.by !== 'close' }
}

const bad = (why: string): ReadHead => ({ ok: false, why })

function framingOf(fields: readonly string[], hasNoBody: boolean): Framing | string {
  if (hasNoBody) return { by: 'nothing' }
  const codings = valuesOf(fields, 'transfer-encoding')
  const lengths = valuesOf(fields, 'content-length')
  if (codings.length > 0) {
    if (lengths.length > 0) return 'both a Content-Length and a transfer coding'
    const isChunked = codings.length === 1 && codings[0]?.toLowerCase() === 'chunked'
    return isChunked ? { by: 'chunks' } : 'a transfer coding that was not asked for'
  }
  const [length] = lengths
  if (length === undefined) return { by: 'close' }
  const isOne = lengths.every((one) => one === length) && /^\d{1,15}$/.test(length)
  return isOne ? { by: 'length', length: Number(length) } : 'a broken Content-Length'
}

const valuesOf = (fields: readonly string[], name: string): string[] =>
  fields
    .filter((field) => field.slice(0, name.length + 1).toLowerCase() === `${name}:`)
    .flatMap((field) => field.slice(name.length + 1).split(','))
    .map((value) => value.trim())

/** Letters for a line of a log. */
export const printable = (text: string): string => text.replace(/[^\x20-\x7e]+/g, ' ').trim()

/** The beginning of what was said, as one short line. */
export function excerpt(text: string, most = 80): string {
  const line = printable(text.slice(0, 4 * most))
  return line.length > most ? `${line.slice(0, most)}…` : line
}
