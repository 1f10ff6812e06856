import { errnoOf, messageOf } from '../base/errors.js'
import { printable } from './http-head.js'

/** What OpenSSL and Node call it → what it is, and what to do. */
const WORDS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired: renew it (kubeadm certs renew all)',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: look at the clocks of both hosts',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed: name it as ca_file, or set verify: none',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an authority that is not trusted here: set ca_file',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from an authority that is not trusted here: set ca_file',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate comes from an authority that is not trusted here: set ca_file',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate comes from an authority that is not trusted here: set ca_file',
  CERT_SIGNATURE_FAILURE: 'its certificate was not made by ca_file, but by another authority of the same name',
  CERT_REVOKED: 'its certificate was revoked',
  INVALID_PURPOSE: 'its certificate is not one of a server',
  INVALID_CA: 'ca_file is no authority’s certificate, or its path is longer than it may be',
  CERT_REJECTED: 'its certificate was rejected',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS: the check should be of type http',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS: the check should be of type http',
  ERR_SSL_HTTP_REQUEST: 'it does not speak TLS: the check should be of type http',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it speaks versions of TLS that are too old for us',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it does not speak our versions of TLS',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a client certificate: set crt and key',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    'it ended the handshake: no common cipher, or it wants a client certificate (crt, key)',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'it does not accept the client certificate: look at crt and key',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the client certificate has expired: renew crt',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'it does not accept the client certificate: look at crt and key',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not know the authority of the client certificate: look at crt',
  ERR_SSL_TLSV1_UNRECOGNIZED_NAME: 'it does not know this servername',
  ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR: 'it met an internal error in the handshake: is it still starting?'
}

/** The other end said something that is no usable TLS; unlike a connection that just ended. */
export function isTlsError(error: unknown): boolean {
  const code = errnoOf(error)
  return code in WORDS || /^ERR_(SSL|TLS)_/.test(code) || code === 'EPROTO' || isVerification(error)
}

/** What went wrong with TLS, as a sentence with the mend where one is known. */
export function tlsWords(error: unknown): string {
  const code = errnoOf(error)
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const text = printable(messageOf(error)).replace(/^.*altnames?: /, '')
    return `its certificate is for other names: ${text.slice(0, 200)} (set servername; an apiserver has kubernetes)`
  }
  // Newer OpenSSL calls the same alerts SSL/TLS_ALERT_…
  const words = WORDS[code.replace('_SSL/TLS_ALERT_', '_SSLV3_ALERT_')]
  if (words !== undefined) return words
  // error:0A000410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure:../deps/…
  const [, reason] = /:SSL routines:[^:]*:([^:]*)/.exec(messageOf(error)) ?? []
  return printable(reason ?? messageOf(error)).slice(0, 200)
}

/** X509_V_ERR_… as Node names them, those that have no words here included. */
const isVerification = (error: unknown): boolean =>
  /^(CERT|CRL|INVALID|UNABLE_TO|ERROR_IN|PATH_LENGTH|HOSTNAME_MISMATCH)/.test(errnoOf(error))
