/** A TLS 1.2 ClientHello that asks for a name, as a string of bytes: for clients that say it in pieces. */
export function clientHello(servername: string): string {
  const name = vector(3, `\x00${vector(2, servername)}`, 2)
  const extensions = vector(2, `\x00\x00${vector(2, name)}`)
  const body = `\x03\x03${'r'.repeat(32)}\x00${vector(2, '\xc0\x2f')}${vector(1, '\x00')}${extensions}`
  const handshake = `\x01${vector(3, body)}`
  return `\x16\x03\x01${vector(2, handshake)}`
}

/** Bytes with their length in front. @param outer another length to say: a list's, around its one entry */
function vector(width: number, bytes: string, outer?: number): string {
  if (outer !== undefined) return vector(outer, bytes)
  const length = Array.from({ length: width }, (_, index) => (bytes.length >> (8 * (width - 1 - index))) & 255)
  return `${String.fromCharCode(...length)}${bytes}`
}
