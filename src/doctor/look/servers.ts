import { request } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { systemClock } from '../../base/clock.js'
import { messageOf } from '../../base/errors.js'
import { formatHostPort } from '../../base/ip.js'
import type { Config, HttpCheck, ServerConfig } from '../../config/schema.js'
import type { ServerFacts } from '../facts.js'
import type { Files } from './files.js'

/** The servers that speak TLS, asked once as their check asks them: what they answer, by which certificate, at which time. */

const APISERVER_PORT = 6443
const TIMEOUT_MS = 3000
const MOST_SERVERS = 64

/** Servers with a check over TLS, and those on an apiserver's port; each once. */
export function serversOf(config: Config): ServerConfig[] {
  const all = config.proxy.flatMap((one) => one.servers)
  const wanted = all.filter(({ address, check }) => check?.http?.isTls === true || address.port === APISERVER_PORT)
  const byAddress = new Map(wanted.map((one) => [formatHostPort(one.address), one]))
  return [...byAddress.values()].slice(0, MOST_SERVERS)
}

export const askServers = (config: Config, files: Files, nowMs: () => number): Promise<ServerFacts[]> =>
  Promise.all(serversOf(config).map((one) => ask(one, files, nowMs)))

async function ask(server: ServerConfig, files: Files, nowMs: () => number): Promise<ServerFacts> {
  const http = server.check?.http?.isTls === true ? server.check.http : undefined
  const read = async (path: string | null | undefined): Promise<string | undefined> =>
    path === null || path === undefined ? undefined : (await files.read(path))?.trim()
  const [ca, cert, key, token] = await Promise.all([
    read(http?.caFile),
    read(http?.crtFile),
    read(http?.keyFile),
    read(http?.tokenFile)
  ])
  // Nothing secret goes to a server whose certificate is not judged first.
  const isSecret = (token !== undefined || key !== undefined) && ca !== undefined
  const facts: Mutable = {
    address: formatHostPort(server.address),
    certificate: undefined,
    skewMs: undefined,
    status: undefined,
    problem: undefined
  }
  await new Promise<void>((resolve) => {
    const asked = request({
      host: server.address.host,
      port: server.address.port,
      path: http?.uri ?? '/readyz',
      method: 'GET',
      agent: false,
      servername: http?.servername ?? '',
      rejectUnauthorized: isSecret,
      ...(ca === undefined ? {} : { ca }),
      ...(isSecret && cert !== undefined && key !== undefined ? { cert, key } : {}),
      headers: {
        connection: 'close',
        ...(isSecret && token !== undefined ? { authorization: `Bearer ${token}` } : {})
      }
    })
    const late = new Error(`no answer within ${TIMEOUT_MS / 1000} s`)
    const deadline = systemClock.after(TIMEOUT_MS, () => asked.destroy(late))
    asked.on('socket', (socket) =>
      socket.once('secureConnect', () => {
        facts.certificate = certificateOf(socket as TLSSocket)
      })
    )
    asked.on('response', (response) => {
      facts.status = statusOf(http, response.statusCode)
      const date = Date.parse(response.headers.date ?? '')
      // It is the second that had begun.
      if (!Number.isNaN(date)) facts.skewMs = whole(date - nowMs())
      response.resume()
      response.on('close', resolve)
    })
    asked.on('error', (error) => {
      facts.problem = facts.status === undefined ? messageOf(error) : undefined
      resolve()
    })
    asked.on('close', () => {
      deadline.cancel()
      resolve()
    })
    asked.end()
  })
  return facts
}

type Mutable = { -readonly [Key in keyof ServerFacts]: ServerFacts[Key] }

/** A status that the check takes for good is told as 200. */
function statusOf(http: HttpCheck | undefined, status: number | undefined): number | undefined {
  const isGood = http?.statuses.some(([first, last]) => (status ?? 0) >= first && (status ?? 0) <= last)
  return isGood === true ? 200 : status
}

/** A Date has no fractions: within a second of it nothing is known. */
const whole = (skewMs: number): number => (Math.abs(skewMs) < 1500 ? 0 : skewMs)

function certificateOf(socket: TLSSocket): ServerFacts['certificate'] {
  const { subjectaltname, valid_to } = socket.getPeerCertificate()
  if (valid_to === undefined) return undefined
  const names = (subjectaltname ?? '').split(', ').map((name) => name.replace(/^(DNS|IP Address):/, ''))
  return { names, notAfterMs: Date.parse(valid_to) }
}
