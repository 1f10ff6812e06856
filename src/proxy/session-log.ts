import type { SessionRecord } from '../os/plane.js'

/** The names that a session's numbers stand for. */
export interface SessionNames {
  /** Who accepted it; whose servers it got. */
  readonly service: string
  readonly backend: string
  /** null: it never got one. */
  readonly server: string | null
  /** Place of its listener among the service's, from 1 on: what haproxy tells in place of a port of a unix socket. */
  readonly listener: number
}

/** A session at its end, as it is logged. Field names are API. */
export interface SessionFields {
  readonly session: string
  readonly client: string
  readonly listener: string
  readonly service: string
  /** Only where it is not `service`. */
  readonly backend?: string
  readonly server: string | null
  /** Our end of the connection to the server. */
  readonly local?: string
  readonly accepted_at: string
  readonly termination: string
  readonly queue_ms: number | null
  readonly connect_ms: number | null
  readonly total_ms: number
  readonly bytes_in: number
  readonly bytes_out: number
  readonly retries: number
  readonly redispatched: boolean
  readonly connections: number
  readonly service_connections: number
  readonly backend_connections: number
  readonly server_connections: number
  readonly server_queue: number
  readonly backend_queue: number
}

/** A session's number as the commands take it. */
export const sessionId = (id: number): string => `0x${id.toString(16)}`

/** What haproxy's tcplog tells, and more, as fields. A time that never began is null. @param accepted its acceptedAtMs */
export function sessionFields(record: SessionRecord, names: SessionNames, accepted: Date): SessionFields {
  const [connections, service_connections, backend_connections, server_connections] = record.connections
  const [server_queue, backend_queue] = record.queued
  return {
    session: sessionId(record.id),
    client: record.client,
    listener: record.listener,
    service: names.service,
    ...(names.backend === names.service ? {} : { backend: names.backend }),
    server: names.server,
    ...(record.local === '' ? {} : { local: record.local }),
    accepted_at: accepted.toISOString(),
    termination: record.termination,
    queue_ms: record.queueMs < 0 ? null : record.queueMs,
    connect_ms: record.connectMs < 0 ? null : record.connectMs,
    total_ms: record.totalMs,
    bytes_in: record.bytesIn,
    bytes_out: record.bytesOut,
    retries: record.retries,
    redispatched: record.isRedispatched,
    connections,
    service_connections,
    backend_connections,
    server_connections,
    server_queue,
    backend_queue
  }
}

/**
 * haproxy's line of `option tcplog`, to the byte:
 * `%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq`. @param accepted its acceptedAtMs
 */
export function tcplogLine(record: SessionRecord, names: SessionNames, accepted: Date): string {
  const retries = `${record.isRedispatched ? '+' : ''}${record.retries}`
  return [
    clientOf(record.client, names.listener),
    `[${dateOf(accepted)}]`,
    names.service,
    `${names.backend}/${names.server ?? '<NOSRV>'}`,
    [record.queueMs, record.connectMs, record.totalMs].join('/'),
    record.bytesOut,
    record.termination,
    [...connectionsOf(record), retries].join('/'),
    record.queued.join('/')
  ].join(' ')
}

/** haproxy counts the session itself at the frontend alone: it has left backend and server when the line is written. */
const connectionsOf = ({ connections: [all, service, backend, server] }: SessionRecord): number[] => [
  all,
  service,
  Math.max(0, backend - 1),
  Math.max(0, server - 1)
]

/** An IPv6 address has no brackets there. */
const clientOf = (client: string, listener: number): string =>
  client === 'unix' ? `unix:${listener}` : client.replace(/^\[(.*)\]/, '$1')

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `22/Nov/2026:13:10:44.987`, local time. */
function dateOf(at: Date): string {
  const two = (part: number): string => String(part).padStart(2, '0')
  const day = `${two(at.getDate())}/${MONTHS[at.getMonth()]}/${at.getFullYear()}`
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')
  return `${day}:${time}.${String(at.getMilliseconds()).padStart(3, '0')}`
}
