import * as z from 'zod'
import { address, command, duration, flag, hostName, integer, map, percent, user, word } from './fields.js'

/** Health checks of servers: haproxy's words and defaults. */

const DAY_MS = 86_400_000

const path = (what: string) =>
  z
    .string({ error: () => `must be the path of ${what}` })
    .regex(/^\/[^\0\n]{1,4095}$/, { error: () => `must be the absolute path of ${what}` })

const text = (most: number, what: string) =>
  z.string({ error: () => `must be ${what}` }).regex(new RegExp(`^[^\\0\\r\\n]{1,${most}}$`), {
    error: () => `must be ${what}: one line, at most ${most} characters`
  })

const requestTarget = z
  .string({ error: () => 'must be a path, like /readyz' })
  .regex(/^\/[!-~]{0,2047}$/, { error: () => 'must be a path without blanks, like /readyz' })

const hostHeader = z
  .string({ error: () => 'must be a host, like api.example.com' })
  .regex(/^[!-~]{1,255}$/, { error: () => 'must be a host without blanks, like api.example.com or 10.0.0.1:6443' })

/** A first and a last status that are both expected. */
export type StatusRange = readonly [number, number]

const status = z
  .union([z.string(), z.number()], { error: () => 'must be a status or a range, like 200 or 200-399' })
  .transform((value, context): readonly StatusRange[] => {
    const ranges = String(value)
      .split(',')
      .map((part) => /^\s*([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?\s*$/.exec(part))
      .map((match): StatusRange => [Number(match?.[1]), Number(match?.[2] ?? match?.[1])])
    if (ranges.every(([first, last]) => first <= last)) return ranges
    context.addIssue({
      code: 'custom',
      message: 'must be a status, ranges of them or several, like 200, 200-399 or "200,204"'
    })
    return z.NEVER
  })

const expect = map(
  {
    status: status.optional().describe('Status of a ready server: 200, 200-399, "200,204"; 200 unless given'),
    body: text(1024, 'a part of the answer')
      .optional()
      .describe('The answer must contain this; looked for in its first 64 KiB'),
    body_regex: text(1024, 'a regular expression')
      .refine(isPattern, { error: () => 'is no regular expression' })
      .optional()
      .describe('The answer must match this')
  },
  'status, body, body_regex'
)

function isPattern(source: string): boolean {
  try {
    return new RegExp(source, 'm') instanceof RegExp
  } catch {
    return false
  }
}

export const CHECK_TYPES = ['tcp', 'http', 'https', 'exec', 'icmp', 'agent'] as const

const checkShape = {
  type: word(...CHECK_TYPES).describe(
    'tcp: SYN, SYN/ACK, RST, the server never sees a connection; http and https: GET /readyz; exec: a program; icmp: ping; agent: a line of text'
  ),
  inter: duration('ms', 10, DAY_MS).describe('Time between checks of a server that is fully up'),
  fastinter: duration('ms', 10, DAY_MS).describe('The same while it is on its way up or down; inter unless given'),
  downinter: duration('ms', 10, DAY_MS).describe('The same while it is down; inter unless given'),
  rise: integer(1, 1000).describe('Consecutive successes that bring a server UP'),
  fall: integer(1, 1000).describe('Consecutive failures that take a server DOWN'),
  spread: percent.describe('Random part of inter, to spread checks (haproxy spread-checks)'),
  timeout: duration('ms', 1, DAY_MS).describe('A check fails after this long; inter unless given'),
  port: integer(1, 65_535).describe('Port to check, where it is not the server’s'),
  addr: address.describe('Address to check, where it is not the server’s'),
  send_proxy: flag.describe('Checks begin with a PROXY v1 header (LOCAL): where the server expects one'),
  method: word('GET', 'HEAD', 'OPTIONS').describe('http, https'),
  uri: requestTarget.describe('http, https: /readyz unless given'),
  host: hostHeader.describe('http, https: the Host header; the server’s address unless given'),
  expect: expect.describe('http, https: what a ready server answers'),
  verify: word('required', 'none').describe('https: whether the certificate must be good'),
  ca_file: path('a PEM file of certificates').describe(
    'https: who may have signed the certificate, like /etc/kubernetes/pki/ca.crt; read again when it changes'
  ),
  servername: hostName.describe(
    'https: name that is asked for (SNI) and must be in the certificate; an apiserver’s has `kubernetes`'
  ),
  crt: path('a PEM file').describe('https: client certificate; read again when it changes'),
  key: path('a PEM file').describe('https: its key, where it is not in `crt`'),
  token_file: path('a file with a token').describe('http, https: bearer token; read again when it changes'),
  command: command.describe('exec: exit status 0 is ready, 3 is alive but not ready, all else is dead'),
  user: user.describe('exec: whom it runs as; script_user unless given'),
  send: text(1024, 'a line of text').describe('agent: what it is told when the connection is made')
}

/** A check, or false for a server that is always UP. */
export const check = z.union([z.literal(false), map(checkShape, 'type, inter, rise, fall, …').partial()], {
  error: () => 'must be a map (type, inter, rise, fall, …), or false for a server that is always UP'
})

/** haproxy's agent-check: asked beside the health check, tells weight, drain, maintenance. */
export const agentCheck = map(
  {
    port: integer(1, 65_535),
    addr: address.optional().describe('Where it is not the server’s'),
    inter: duration('ms', 10, DAY_MS).optional().describe('Time between questions; that of `check` unless given'),
    send: text(1024, 'a line of text').optional().describe('What it is told when the connection is made')
  },
  'port, addr, inter, send'
)

export type CheckType = (typeof CHECK_TYPES)[number]

/** How to tell whether an HTTP server is ready. */
export interface HttpCheck {
  readonly isTls: boolean
  readonly method: 'GET' | 'HEAD' | 'OPTIONS'
  readonly uri: string
  readonly hostHeader: string | null
  readonly statuses: readonly StatusRange[]
  readonly body: string | null
  /** Source of a regular expression, multiline. */
  readonly bodyRegex: string | null
  readonly verify: boolean
  readonly caFile: string | null
  readonly servername: string | null
  readonly crtFile: string | null
  readonly keyFile: string | null
  readonly tokenFile: string | null
}

/** A check with every default filled in. */
export interface CheckConfig {
  readonly type: CheckType
  readonly host: string
  readonly port: number
  readonly interMs: number
  readonly fastinterMs: number
  readonly downinterMs: number
  readonly rise: number
  readonly fall: number
  readonly spreadPercent: number
  readonly timeoutMs: number
  readonly sendProxy: boolean
  /** http and https alone. */
  readonly http: HttpCheck | null
  /** exec alone: the command line and whom it runs as (null: the script user). */
  readonly command: string | null
  readonly user: string | null
  /** agent alone; '' sends nothing. */
  readonly send: string
}

export interface AgentConfig {
  readonly host: string
  readonly port: number
  readonly interMs: number
  readonly send: string
}

type Target = { readonly host: string; readonly port: number }
type RawCheck = z.output<typeof check> | undefined

/** A server's check over default_server's; null is a server that is not checked. haproxy's defaults: inter 2s, rise 2, fall 3. */
export function resolveCheck(target: Target, base: RawCheck, own: RawCheck, timeoutMs?: number): CheckConfig | null {
  if (own === false || (own === undefined && base === false)) return null
  const set = { ...(base === false ? undefined : base), ...own }
  const interMs = set.inter ?? 2000
  const type = set.type ?? 'tcp'
  return {
    type,
    host: set.addr ?? target.host,
    port: set.port ?? target.port,
    interMs,
    fastinterMs: set.fastinter ?? interMs,
    downinterMs: set.downinter ?? interMs,
    rise: set.rise ?? 2,
    fall: set.fall ?? 3,
    spreadPercent: set.spread ?? 0,
    timeoutMs: set.timeout ?? Math.min(timeoutMs ?? interMs, interMs),
    sendProxy: set.send_proxy ?? false,
    http:
      type !== 'http' && type !== 'https'
        ? null
        : {
            isTls: type === 'https',
            method: set.method ?? 'GET',
            uri: set.uri ?? '/readyz',
            hostHeader: set.host ?? null,
            statuses: set.expect?.status ?? [[200, 200]],
            body: set.expect?.body ?? null,
            bodyRegex: set.expect?.body_regex ?? null,
            verify: (set.verify ?? 'required') === 'required',
            caFile: set.ca_file ?? null,
            servername: set.servername ?? null,
            crtFile: set.crt ?? null,
            keyFile: set.key ?? null,
            tokenFile: set.token_file ?? null
          },
    command: type === 'exec' ? (set.command ?? '') : null,
    user: set.user ?? null,
    send: type === 'agent' ? (set.send ?? '') : ''
  }
}

/** What an agent-check comes to: null where there is none. */
export function resolveAgent(
  target: Target,
  raw: z.output<typeof agentCheck> | undefined,
  interMs: number
): AgentConfig | null {
  if (raw === undefined) return null
  return {
    host: raw.addr ?? target.host,
    port: raw.port,
    interMs: raw.inter ?? interMs,
    send: raw.send ?? ''
  }
}
