/** RFC 1071 over two pieces, the first of even length. Over a packet that carries its right checksum it is 0. */
export function internetChecksum(head: Uint8Array, body: Uint8Array): number {
  let sum = 0
  for (const bytes of [head, body]) {
    for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
