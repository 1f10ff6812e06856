/** PROXY protocol headers, as its specification has them, for scripted clients. */

const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n'

/** Version 1: a line of text. */
export const proxyV1 = (from: string, fromPort: number, to: string, toPort: number): string =>
  `PROXY TCP4 ${from} ${to} ${fromPort} ${toPort}\r\n`

/** Version 2 for TCP over IPv4, as a string of bytes. */
export function proxyV2(from: string, fromPort: number, to: string, toPort: number): string {
  const number16 = (value: number): string => String.fromCharCode(value >> 8, value & 255)
  const address = (text: string): string => String.fromCharCode(...text.split('.').map(Number))
  const block = `${address(from)}${address(to)}${number16(fromPort)}${number16(toPort)}`
  return `${SIGNATURE}\x21\x11${number16(block.length)}${block}`
}

/** Version 2, LOCAL: the sender speaks for itself. */
export const proxyV2Local = (): string => `${SIGNATURE}\x20\x00\x00\x00`

/** What a server was told by version 2: 'PROXY TCP4 from:port to:port', or undefined where that is none. */
export function readV2(text: string): string | undefined {
  if (!text.startsWith(SIGNATURE) || text.length < 28) return undefined
  const bytes = Buffer.from(text, 'latin1')
  const address = (at: number): string => [...bytes.subarray(at, at + 4)].join('.')
  const command = bytes[12] === 0x21 ? 'PROXY' : 'LOCAL'
  const family = bytes[13] === 0x11 ? 'TCP4' : 'other'
  return `${command} ${family} ${address(16)}:${bytes.readUInt16BE(24)} ${address(20)}:${bytes.readUInt16BE(26)}`
}
