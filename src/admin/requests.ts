import type { ServerOrder } from '../proxy/orders.js'
import type { FailoverQuery, KillQuery, ServerName, SessionQuery } from './status.js'

/** What a request says, or why it says nothing. */
export type Decoded<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: string }

/** Sessions that one answer tells of at most, and that one request names at most. */
export const MOST_TOLD = 10_000
const MOST_NAMED = 500
const DEFAULT_TOLD = 100

const refuse = (error: string): { readonly ok: false; readonly error: string } => ({ ok: false, error })

/** `{ "service", "server", "state": "ready" | "drain" | "maint" }`, or `"weight": 0…256` in place of state. */
export function orderOf(body: string): Decoded<{ readonly name: ServerName; readonly order: ServerOrder }> {
  const asked = objectOf(body)
  if (asked === undefined) return refuse('the body must be a JSON object')
  const name = serverNameOf(asked)
  if (name === undefined) return refuse('service and server must be names')
  const { state, weight } = asked
  if ((state === undefined) === (weight === undefined)) return refuse('either state or weight must be given')
  if (state === 'ready' || state === 'drain' || state === 'maint')
    return { ok: true, value: { name, order: { kind: 'state', state } } }
  if (state !== undefined) return refuse('state must be ready, drain or maint')
  if (typeof weight === 'number' && Number.isInteger(weight) && weight >= 0 && weight <= 256)
    return { ok: true, value: { name, order: { kind: 'weight', weight } } }
  return refuse('weight must be a whole number from 0 to 256')
}

const MOST_AWAY_MS = 86_400_000

/** `{ "instance": NAME | null, "for_ms": 0…86400000 }` */
export function failoverOf(body: string): Decoded<FailoverQuery> {
  const asked = objectOf(body)
  if (asked === undefined) return refuse('the body must be a JSON object')
  const { instance, for_ms: forMs } = asked
  if (instance !== null && typeof instance !== 'string') return refuse('instance must be a name, or null for all')
  if (typeof forMs !== 'number' || !Number.isInteger(forMs) || forMs < 0 || forMs > MOST_AWAY_MS)
    return refuse(`for_ms must be a whole number from 0 to ${MOST_AWAY_MS}`)
  return { ok: true, value: { instance, forMs } }
}

/** `?service=&server=&limit=` */
export function sessionQueryOf(query: URLSearchParams): Decoded<SessionQuery> {
  const limit = query.get('limit') ?? String(DEFAULT_TOLD)
  if (!/^[1-9]\d{0,4}$/.test(limit) || Number(limit) > MOST_TOLD)
    return refuse(`limit must be a number from 1 to ${MOST_TOLD}`)
  const [service, server] = [query.get('service'), query.get('server')]
  if (server !== null && service === null) return refuse('a server is named by service and server')
  return { ok: true, value: { service, server, limit: Number(limit) } }
}

/** `{ "ids": [ "0x1f", … ] }`, or `{ "service", "server" }`. */
export function killOf(body: string): Decoded<KillQuery> {
  const asked = objectOf(body)
  if (asked === undefined) return refuse('the body must be a JSON object')
  if (asked['ids'] === undefined) {
    const name = serverNameOf(asked)
    return name === undefined
      ? refuse('either ids, or service and server must be given')
      : { ok: true, value: { kind: 'server', ...name } }
  }
  const given: unknown = asked['ids']
  if (!Array.isArray(given) || given.length === 0 || given.length > MOST_NAMED)
    return refuse(`ids must be a list of 1 to ${MOST_NAMED} sessions`)
  const ids: (number | undefined)[] = given.map((id: unknown) =>
    typeof id === 'string' ? sessionNumber(id) : undefined
  )
  const known = ids.filter((id) => id !== undefined)
  if (known.length < ids.length) return refuse('an id is what `vipd sessions` shows, like 0x1f')
  return { ok: true, value: { kind: 'ids', ids: [...new Set(known)] } }
}

/** `0x1f` → 31; undefined where it is no session's number. */
export function sessionNumber(id: string): number | undefined {
  const number = /^0x[0-9a-f]{1,14}$/i.test(id) ? Number(id) : Number.NaN
  return Number.isSafeInteger(number) ? number : undefined
}

function serverNameOf({ service, server }: Readonly<Record<string, unknown>>): ServerName | undefined {
  return typeof service === 'string' && typeof server === 'string' ? { service, server } : undefined
}

function objectOf(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(body)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : undefined
  } catch {
    return undefined
  }
}
