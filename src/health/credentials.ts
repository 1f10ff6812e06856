import { createSecureContext, type SecureContext } from 'node:tls'
import type { Clock } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import type { HttpCheck } from '../config/check-schema.js'
import { printable } from './http-head.js'
import { type Seen, WatchedFile } from './watched-file.js'

/** What a check shows and whom it trusts, as the files are now. */
export interface Credentials {
  /** null: no TLS. */
  readonly context: SecureContext | null
  /** The certificate of the server can be judged. Otherwise nothing secret may be sent, and no answer is to be trusted. */
  readonly canVerify: boolean
  readonly token: string | null
  /** Another one whenever a connection made before should not be used any more. */
  readonly version: string
  /** Files that cannot be used, each a sentence; what was good before is used on. */
  readonly problems: readonly string[]
}

/** Where systems keep the authorities that they trust. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem'
] as const
/** What a header may carry; the head of a request that is longer is refused by most servers. */
const TOKEN = /^[\x21-\x7e]{1,8192}$/

/** Files, and contexts, that are remembered; reloads may name ever new ones. */
const MAX_KEPT = 1024

type TlsFiles = Pick<HttpCheck, 'verify' | 'caFile' | 'crtFile' | 'keyFile'>

/** A context that was made of files, and the state of the files it was made of. */
interface Made {
  readonly of: string
  readonly context: SecureContext | undefined
  readonly serial: number
  readonly problem: string | undefined
}

const NONE: Seen = { bytes: undefined, version: 0, problem: undefined }

/** Keys, certificates and tokens of all checks: each file is looked at once for all of them, each context made once. */
export class CredentialStore {
  readonly #clock: Pick<Clock, 'now'>
  readonly #files = new Map<string, WatchedFile>()
  readonly #made = new Map<string, Made>()
  readonly #bundles: readonly string[]

  constructor(clock: Pick<Clock, 'now'>, bundles: readonly string[] = SYSTEM_BUNDLES) {
    this.#clock = clock
    this.#bundles = bundles
  }

  /** Never rejects. */
  async read(check: HttpCheck): Promise<Credentials> {
    const [tls, token] = await Promise.all([check.isTls ? this.#tls(check) : null, this.#token(check.tokenFile)])
    const problems = [...(tls?.problems ?? []), ...token.problems]
    const canVerify = tls?.canVerify ?? true
    return {
      context: tls?.context ?? null,
      canVerify,
      token: canVerify ? token.token : null,
      version: `${tls?.version ?? ''}`,
      problems
    }
  }

  async #tls(check: TlsFiles) {
    const [ca, crt, key] = await Promise.all([
      check.verify ? this.#authorities(check.caFile) : NONE,
      this.#look(check.crtFile),
      this.#look(check.keyFile)
    ])
    const id = JSON.stringify([check.verify, check.caFile, check.crtFile, check.keyFile])
    const before = this.#made.get(id)
    const of = [ca.version, crt.version, key.version].join('.')
    const made = before?.of === of ? before : make(of, before, ca, crt, check.keyFile === null ? crt : key)
    keep(this.#made, id, made)
    const problems = [ca, crt, key].map(({ problem }) => problem).concat(made.problem)
    const lacksAuthorities = check.verify && check.caFile !== null && ca.bytes === undefined
    return {
      context: made.context ?? createSecureContext(),
      canVerify: !lacksAuthorities && made.context !== undefined,
      version: made.serial,
      problems: problems.filter((problem) => problem !== undefined)
    }
  }

  /** Those of `ca_file`, else of the system; where there are none either, those that Node brings. */
  async #authorities(caFile: string | null): Promise<Seen> {
    if (caFile !== null) return await this.#look(caFile)
    for (const bundle of this.#bundles) {
      const seen = await this.#look(bundle)
      if (seen.bytes !== undefined) return { ...seen, problem: undefined }
    }
    return NONE
  }

  async #token(file: string | null): Promise<{ token: string | null; problems: readonly string[] }> {
    if (file === null) return { token: null, problems: [] }
    const { bytes, problem } = await this.#look(file)
    const problems = problem === undefined ? [] : [problem]
    if (bytes === undefined) return { token: null, problems }
    const token = bytes.toString('latin1').trim()
    return TOKEN.test(token) ? { token, problems } : { token: null, problems: [...problems, `${file} has no token`] }
  }

  #look(path: string | null): Promise<Seen> {
    if (path === null) return Promise.resolve(NONE)
    const file = this.#files.get(path) ?? new WatchedFile(path, this.#clock)
    keep(this.#files, path, file)
    return file.look()
  }
}

/** A certificate and its key change one after the other: until they fit, the last pair that did is used. */
function make(of: string, before: Made | undefined, ca: Seen, crt: Seen, key: Seen): Made {
  const serial = (before?.serial ?? 0) + 1
  try {
    const context = createSecureContext({
      ...(ca.bytes === undefined ? {} : { ca: certificatesOf(ca.bytes) }),
      ...(crt.bytes === undefined || key.bytes === undefined ? {} : { cert: crt.bytes, key: key.bytes })
    })
    return { of, context, serial, problem: undefined }
  } catch (error) {
    const problem = `the certificates cannot be used: ${printable(messageOf(error)).slice(0, 200)}`
    return { of, context: before?.context, serial: before?.serial ?? 0, problem }
  }
}

/** OpenSSL takes a bundle without a single certificate for an empty one, and then trusts nobody without a word. */
function certificatesOf(bytes: Buffer): Buffer {
  if (!bytes.includes('-----BEGIN ')) throw new Error('ca_file has no certificate')
  return bytes
}

/** The one that has been there longest makes room. */
function keep<T>(map: Map<string, T>, key: string, value: T): void {
  const [oldest] = map.keys()
  if (!map.has(key) && map.size >= MAX_KEPT && oldest !== undefined) map.delete(oldest)
  map.set(key, value)
}
