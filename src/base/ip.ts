/** IP addresses as text and bytes. Strict: no octal, no short forms, no zones (inet_pton, not inet_aton). */
export type Family = 4 | 6

export interface Prefix {
  readonly address: string
  readonly family: Family
  readonly length: number
}

export interface HostPort {
  readonly host: string
  readonly family: Family
  readonly port: number
}

/** Bytes of an address in network order (4 or 16), or undefined when it is none. */
export function addressBytes(text: string): Uint8Array | undefined {
  return text.includes(':') ? bytes6(text) : bytes4(text)
}

/** The family of an address, or undefined when the text is none. */
export function familyOf(text: string): Family | undefined {
  const bytes = addressBytes(text)
  if (bytes === undefined) return undefined
  return bytes.length === 4 ? 4 : 6
}

/** An address as text; IPv6 in the form of RFC 5952. */
export function formatAddress(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join('.') : format6(bytes)
}

/** The same address in its one canonical spelling, or undefined when the text is none. */
export function canonicalAddress(text: string): string | undefined {
  const bytes = addressBytes(text)
  return bytes === undefined ? undefined : formatAddress(bytes)
}

/** Order of two addresses of one family as unsigned numbers in network order: the tie-break of an election. */
export function compareAddresses(left: string, right: string): number {
  const a = addressBytes(left)
  const b = addressBytes(right)
  if (a === undefined || b === undefined || a.length !== b.length) throw new Error('addresses of two families')
  return Buffer.compare(a, b)
}

/** 'ADDRESS' or 'ADDRESS/LENGTH'; without a length it is the host alone (/32, /128). */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/')
  const address = canonicalAddress(slash < 0 ? text : text.slice(0, slash))
  if (address === undefined) return undefined
  const family = address.includes(':') ? 6 : 4
  const most = family === 4 ? 32 : 128
  if (slash < 0) return { address, family, length: most }
  const digits = text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(digits) || Number(digits) > most) return undefined
  return { address, family, length: Number(digits) }
}

/** A prefix as text, its length always written. */
export const formatPrefix = (prefix: Prefix): string => `${prefix.address}/${prefix.length}`

/** Whether every address of one network is in another. */
export function contains(outer: Prefix, inner: Prefix): boolean {
  if (outer.family !== inner.family || outer.length > inner.length) return false
  const [a, b] = [addressBytes(outer.address), addressBytes(inner.address)]
  const bitOf = (bytes: Uint8Array | undefined, bit: number): number =>
    ((bytes?.[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1
  return Array.from({ length: outer.length }).every((_, bit) => bitOf(a, bit) === bitOf(b, bit))
}

/** '10.0.0.1:6443' or '[fd00::1]:6443'. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
  if (match === null) return undefined
  const host = canonicalAddress(match[1] ?? match[2] ?? '')
  const port = Number(match[3])
  if (host === undefined || port < 1 || port > 65_535) return undefined
  const family = host.includes(':') ? 6 : 4
  // Brackets are for IPv6, and IPv6 is in brackets.
  if ((match[1] !== undefined) !== (family === 6)) return undefined
  return { host, family, port }
}

/** A host and port as text, IPv6 in brackets. */
export const formatHostPort = ({ host, port }: Pick<HostPort, 'host' | 'port'>): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

function bytes4(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined
  return Uint8Array.from(parts, Number)
}

function bytes6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groups(halves[0] ?? '', halves.length === 1)
  const tail = halves.length === 2 ? groups(halves[1] ?? '', true) : []
  if (head === undefined || tail === undefined) return undefined
  const missing = 16 - head.length - tail.length
  // '::' stands for at least one group.
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail])
}

/** Colon-separated groups as bytes; the last one may be a dotted IPv4 address. */
function groups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      const value = Number.parseInt(part, 16)
      bytes.push(value >> 8, value & 0xff)
    } else {
      const last = mayEndInIpv4 && index === parts.length - 1 ? bytes4(part) : undefined
      if (last === undefined) return undefined
      bytes.push(...last)
    }
  }
  return bytes
}

function format6(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16))
  const best = longestZeroRun(words)
  if (best.length < 2) return words.join(':')
  return `${words.slice(0, best.start).join(':')}::${words.slice(best.start + best.length).join(':')}`
}

function longestZeroRun(words: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (let i = 0; i <= words.length; i++) {
    if (words[i] === '0') continue
    if (i - start > best.length) best = { start, length: i - start }
    start = i + 1
  }
  return best
}
