/** What the nodes say to each other: lines of JSON, one message a line, over a channel that is authenticated and encrypted. */

/** Another major version says something else in the same words: such a node is told so, and not listened to. */
export const PROTOCOL = 1
/** The longest message: 65,536 clients of one listener, and what stands around them. */
export const MAX_MESSAGE_BYTES = 2 << 20
const MAX_LISTED = 256

/** What a node is, as the others show it. Field names are API. */
export interface PeerView {
  readonly node: string
  readonly version: string
  readonly uptime_s: number
  readonly vrrp: readonly {
    readonly name: string
    readonly virtual_router_id: number
    readonly state: string
    readonly since: string
    readonly effective_priority: number
    readonly virtual_ipaddress: readonly string[]
  }[]
  readonly proxy: readonly {
    readonly name: string
    readonly sessions: number
    readonly servers: readonly { readonly name: string; readonly status: string }[]
  }[]
}

/** The clients of one listener: 6 bytes each for IPv4, 18 for IPv6; address and port in network order. */
export interface Clients {
  /** `ADDRESS:PORT` */
  readonly listener: string
  readonly endpoints: Uint8Array
}

export type Message =
  | { readonly type: 'hello'; readonly protocol: number; readonly version: string }
  | { readonly type: 'view'; readonly view: PeerView }
  | { readonly type: 'clients'; readonly of: readonly Clients[] }

export function encodeMessage(message: Message): string {
  const body =
    message.type === 'clients'
      ? { ...message, of: message.of.map(({ listener, endpoints }) => [listener, base64(endpoints)]) }
      : message
  return `${JSON.stringify(body)}\n`
}

/** A line without its end → a message; undefined: it is none that is understood. Unknown fields and lists that are too long are cut. */
export function decodeMessage(line: string): Message | undefined {
  const body = parsed(line)
  if (!isRecord(body)) return undefined
  switch (body['type']) {
    case 'hello':
      return isCount(body['protocol'])
        ? { type: 'hello', protocol: body['protocol'], version: text(body['version']) }
        : undefined
    case 'view':
      return isRecord(body['view']) ? { type: 'view', view: viewOf(body['view']) } : undefined
    case 'clients': {
      const of = many(body['of']).map(clientsOf)
      return of.every((one) => one !== undefined) ? { type: 'clients', of } : undefined
    }
    default:
      return undefined
  }
}

function clientsOf(value: unknown): Clients | undefined {
  if (!Array.isArray(value) || typeof value[0] !== 'string' || typeof value[1] !== 'string') return undefined
  const endpoints = Uint8Array.from(Buffer.from(value[1], 'base64'))
  const size = endpointBytes(value[0])
  return endpoints.length % size === 0 ? { listener: value[0].slice(0, 64), endpoints } : undefined
}

/** Bytes of one endpoint among the clients of a listener. */
export const endpointBytes = (listener: string): 6 | 18 => (listener.startsWith('[') ? 18 : 6)

/** Only what is shown, in the form that it is shown in: a node that runs another release may say more. */
const viewOf = (raw: Record<string, unknown>): PeerView => ({
  node: text(raw['node']),
  version: text(raw['version']),
  uptime_s: number(raw['uptime_s']),
  vrrp: records(raw['vrrp']).map((one) => ({
    name: text(one['name']),
    virtual_router_id: number(one['virtual_router_id']),
    state: text(one['state']),
    since: text(one['since']),
    effective_priority: number(one['effective_priority']),
    virtual_ipaddress: many(one['virtual_ipaddress']).map(text)
  })),
  proxy: records(raw['proxy']).map((one) => ({
    name: text(one['name']),
    sessions: number(one['sessions']),
    servers: records(one['servers']).map((server) => ({ name: text(server['name']), status: text(server['status']) }))
  }))
})

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isCount = (value: unknown): value is number => Number.isSafeInteger(value)
const many = (value: unknown): unknown[] => (Array.isArray(value) ? value.slice(0, MAX_LISTED) : [])
const records = (value: unknown): Record<string, unknown>[] => many(value).filter(isRecord)
const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 256) : '')
const number = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0)
