import { addressBytes, type Family } from '../base/ip.js'

/** What an address can be used for, from its first bytes. */

/** 224.0.0.0/4 or ff00::/8. */
export const isMulticast = (address: string): boolean => {
  const bytes = addressBytes(address)
  return bytes?.length === 4 ? (bytes[0] ?? 0) >> 4 === 0xe : bytes?.[0] === 0xff
}

/** fe80::/10; never IPv4. */
export const isLinkLocal6 = (address: string): boolean => {
  const bytes = addressBytes(address)
  return bytes?.length === 16 && bytes[0] === 0xfe && (bytes[1] ?? 0) >> 6 === 2
}

/** Unspecified, loopback, multicast, and of IPv4 reserved and broadcast: nothing that a host on a link can have. */
export const isNoHost = (address: string): boolean =>
  isMulticast(address) || /^(0|127|24\d|25[0-5])\./.test(address) || address === '::' || address === '::1'

export const familyName = (family: Family): string => `IPv${family}`
