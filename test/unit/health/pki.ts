import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A certificate and its key, as files. */
export interface Pair {
  readonly crt: string
  readonly key: string
}

/** Authorities and certificates in a folder of their own, made by openssl. */
export class Pki {
  readonly folder = mkdtempSync(join(tmpdir(), 'vipd-pki-'))

  path(name: string): string {
    return join(this.folder, name)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  async authority(name: string): Promise<Pair> {
    const pair = await this.#key(name)
    await this.#openssl(
      'req',
      '-x509',
      '-new',
      '-key',
      pair.key,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-out',
      pair.crt
    )
    return pair
  }

  /** @param names like IP:127.0.0.1,DNS:kubernetes; `days` may be negative: then it has expired */
  async certificate(name: string, by: Pair, names: string, days = 2): Promise<Pair> {
    const pair = await this.#key(name)
    const request = this.path(`${name}.csr`)
    const ask = ['-new', '-key', pair.key, '-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`]
    await this.#openssl('req', ...ask, '-out', request)
    const sign = ['-req', '-in', request, '-CA', by.crt, '-CAkey', by.key, '-copy_extensions', 'copy']
    await this.#openssl('x509', ...sign, '-days', String(days), '-out', pair.crt)
    return pair
  }

  async #key(name: string): Promise<Pair> {
    const pair = { crt: this.path(`${name}.crt`), key: this.path(`${name}.key`) }
    await this.#openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', pair.key)
    return pair
  }

  async #openssl(...args: string[]): Promise<void> {
    await run('openssl', args, { timeout: 20_000 })
  }
}
