import type { SecureContextOptions } from 'node:tls'

/**
 * TLS with the common key (RFC 8442: ECDHE_PSK). Who does not have the key cannot begin, nothing can be replayed or cut
 * short unseen, and what was recorded stays closed when the key is found later. Node has no such keys for TLS 1.3.
 */
export const SECURE: Pick<SecureContextOptions, 'ciphers' | 'minVersion' | 'maxVersion'> = {
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2'
}
