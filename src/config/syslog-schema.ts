import * as z from 'zod'
import { parseHostPort } from '../base/ip.js'
import { SEVERITIES } from '../base/syslog-message.js'
import { map, word } from './fields.js'

/** Where the log goes besides stdout. haproxy's `log ADDRESS FACILITY LEVEL`. */

export const FACILITIES = [
  ...['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'auth2', 'ftp', 'ntp'],
  ...['audit', 'alert', 'cron2', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7']
]

export type SyslogTarget =
  | { readonly kind: 'udp'; readonly host: string; readonly family: 4 | 6; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

export interface SyslogConfig {
  readonly target: SyslogTarget
  /** 0 to 23, as on the wire. */
  readonly facility: number
  /** 0 to 7: nothing less grave is sent. */
  readonly level: number
  readonly format: 'rfc3164' | 'rfc5424'
  readonly tag: string
}

const WHERE = 'must be ADDRESS:PORT or the path of a unix socket, like 127.0.0.1:514 or /dev/log'

const target = z.string({ error: () => WHERE }).transform((value, context): SyslogTarget => {
  const parsed = parseHostPort(value)
  if (parsed !== undefined) return { kind: 'udp', ...parsed }
  if (/^\/.{1,106}$/.test(value)) return { kind: 'unix', path: value }
  context.addIssue({ code: 'custom', message: WHERE })
  return z.NEVER
})

const facility = z.string({ error: () => 'must be a facility, like local0 or daemon' }).transform((value, context) => {
  const number = FACILITIES.indexOf(value)
  if (number >= 0) return number
  context.addIssue({ code: 'custom', message: `must be one of ${FACILITIES.join(', ')}` })
  return z.NEVER
})

export const syslog = map(
  {
    address: target.describe('ADDRESS:PORT (UDP), or the path of a unix socket'),
    facility: facility.prefault('daemon').describe('kern, user, daemon, local0 to local7, …'),
    level: word(...SEVERITIES)
      .default('info')
      .describe('Nothing less grave is sent'),
    format: word('rfc3164', 'rfc5424').default('rfc3164').describe('How a line begins: the BSD way, or RFC 5424'),
    tag: z
      .string({ error: () => 'must be a word, like vipd' })
      .regex(/^[!-~]{1,48}$/, { error: () => 'must be a word of at most 48 characters, like vipd' })
      .default('vipd')
      .describe('Name of the program in each line')
  },
  'address, facility, level, format, tag'
).transform(
  (raw): SyslogConfig => ({
    target: raw.address,
    facility: raw.facility,
    level: SEVERITIES.indexOf(raw.level),
    format: raw.format,
    tag: raw.tag
  })
)
