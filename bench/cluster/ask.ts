import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type RequestOptions, request } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { Access } from './kubeconfig.js'

/** One question to an apiserver, on a connection of its own. */

export interface Answer {
  /** Until the whole answer was there, connection and handshake included. */
  readonly tookMs: number
  /** Who answered: the beginning of its certificate's fingerprint. */
  readonly server?: string
  readonly body?: string
  /** `status 503`, `ECONNREFUSED`, `timeout`, `certificate has expired`. */
  readonly error?: string
}

const TIMEOUT_MS = 5000
const MOST_BODY = 4 << 20

/** @param way `HOST:PORT` */
export function optionsFor(way: string, path: string, access: Access): RequestOptions {
  const colon = way.lastIndexOf(':')
  const host = way.slice(0, colon).replace(/^\[|\]$/g, '')
  const { ca, cert, key, token, serverName, isInsecure } = access
  return {
    host,
    port: Number(way.slice(colon + 1)),
    path,
    agent: false,
    rejectUnauthorized: !isInsecure,
    headers: { accept: 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(serverName !== undefined && { servername: serverName })
  }
}

/** Never rejects. */
export function ask(way: string, path: string, access: Access, timeoutMs = TIMEOUT_MS): Promise<Answer> {
  const from = performance.now()
  return new Promise((resolve) => {
    const end = (answer: Omit<Answer, 'tookMs'>): void => {
      clearTimeout(timer)
      resolve({ tookMs: performance.now() - from, ...answer })
      asked.destroy()
    }
    const asked = request(optionsFor(way, path, access), (response) => {
      const server = serverOf(response)
      const told = server === undefined ? {} : { server }
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        if (body.length < MOST_BODY) body += text
      })
      response.on('error', (error) => end({ ...told, error: codeOf(error) }))
      response.on('end', () => {
        const { statusCode = 0 } = response
        end({ ...told, ...(statusCode === 200 ? { body } : { error: `status ${statusCode}` }) })
      })
    })
    const timer = setTimeout(() => end({ error: 'timeout' }), timeoutMs)
    asked.on('error', (error) => end({ error: codeOf(error) }))
    asked.end()
  })
}

export function serverOf(response: IncomingMessage): string | undefined {
  const certificate = (response.socket as TLSSocket).getPeerCertificate?.()
  if (certificate?.raw === undefined) return undefined
  return createHash('sha256').update(certificate.raw).digest('hex').slice(0, 8)
}

export function codeOf(error: Error & { readonly code?: string }): string {
  return error.code ?? error.message
}
