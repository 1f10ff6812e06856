import type { LiveSession } from '../os/plane.js'
import { sessionId } from './session-log.js'

/** A living session, as `vipd sessions` tells it. Field names are API. */
export interface SessionView {
  readonly id: string
  readonly state: LiveSession['state']
  readonly client: string
  readonly listener: string
  readonly service: string
  /** Whose server it has: another service's where a server name in its ClientHello led there. */
  readonly backend: string
  /** null: none yet. */
  readonly server: string | null
  /** Our end of the connection to the server, as the server's own log has it; '' without one. */
  readonly local: string
  readonly age_ms: number
  /** Since the last byte, either way. */
  readonly idle_ms: number
  readonly bytes_in: number
  readonly bytes_out: number
}

/** Puts names in the place of numbers. */
export function sessionView(
  one: LiveSession,
  names: (service: number, server: number) => { readonly service: string; readonly server: string | null }
): SessionView {
  const backend = names(one.backend, one.server)
  return {
    id: sessionId(one.id),
    state: one.state,
    client: one.client,
    listener: one.listener,
    service: names(one.service, -1).service,
    backend: backend.service,
    server: backend.server,
    local: one.local,
    age_ms: Math.round(one.ageMs),
    idle_ms: Math.round(one.idleMs),
    bytes_in: one.bytesIn,
    bytes_out: one.bytesOut
  }
}
