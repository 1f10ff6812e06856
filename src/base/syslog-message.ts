/** syslog's levels from the worst on; the position is the number on the wire. */
export const SEVERITIES = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'] as const

/** A line for syslog, before it has a form. */
export interface SyslogEntry {
  readonly at: Date
  /** Position in SEVERITIES. */
  readonly severity: number
  readonly message: string
  readonly facts: Readonly<Record<string, unknown>>
  /** Sent as it is in place of message and facts: haproxy's own line. */
  readonly line: string | null
}

/** What all messages to one target have in common. */
export interface SyslogHead {
  /** 0 to 23. */
  readonly facility: number
  readonly format: 'rfc3164' | 'rfc5424'
  readonly tag: string
  readonly pid: number
  /** '' leaves it out, as what goes to /dev/log must; of RFC 3164 alone. */
  readonly hostname: string
}

/** What every receiver takes whole: RFC 3164 §4.1; RFC 5424 §6.1 (a receiver should take 2,048). */
export const MAX_BYTES = { rfc3164: 1024, rfc5424: 2048 } as const

/**
 * Ours in structured data. 32473 is the enterprise number that is set aside for examples (RFC 5612): vipd has none of
 * its own.
 */
const SD_ID = 'vipd@32473'
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
/** Never told, whoever logs it. */
const SECRET = new Set(['auth_pass', 'authPass'])

/** One datagram: RFC 3164 as haproxy and logger write it, or RFC 5424; never longer than MAX_BYTES. */
export function syslogMessage(head: SyslogHead, entry: SyslogEntry): Buffer {
  return head.format === 'rfc3164' ? bsdMessage(head, entry) : ietfMessage(head, entry)
}

function bsdMessage(head: SyslogHead, entry: SyslogEntry): Buffer {
  const hostname = head.hostname === '' ? '' : `${head.hostname} `
  const start = `<${priority(head, entry)}>${bsdTime(entry.at)} ${hostname}${head.tag}[${head.pid}]: `
  return cut(Buffer.from(`${start}${textOf(entry)}`), MAX_BYTES.rfc3164)
}

function ietfMessage(head: SyslogHead, entry: SyslogEntry): Buffer {
  const { scope } = entry.facts
  const id = typeof scope === 'string' && /^[!-~]{1,32}$/.test(scope) ? scope : '-'
  const host = head.hostname === '' ? '-' : head.hostname
  const start = `<${priority(head, entry)}>1 ${entry.at.toISOString()} ${host} ${head.tag} ${head.pid} ${id} `
  const text = textOf(entry)
  // RFC 5424 §6.4: what is UTF-8 says so by a BOM; ASCII needs none, and many readers would show it.
  const message = isAscii(text) ? text : `\ufeff${text}`
  const room = Math.floor((MAX_BYTES.rfc5424 - Buffer.byteLength(start)) / 2)
  const data = entry.line === null ? structuredData(entry.facts, room) : '-'
  return cut(Buffer.from(`${start}${data} ${message}`), MAX_BYTES.rfc5424)
}

const priority = (head: SyslogHead, entry: SyslogEntry): number => head.facility * 8 + entry.severity

/** Local time, the day filled up by a blank: `Jan  2 03:04:05`. */
function bsdTime(at: Date): string {
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
  return `${MONTHS[at.getMonth()]} ${String(at.getDate()).padStart(2)} ${time}`
}

/** The message and its facts as words: `server is DOWN server=a check=L4CON detail="connection refused"`. */
function textOf({ line, message, facts }: SyslogEntry): string {
  if (line !== null) return printable(line)
  const told = factsOf(facts).map(
    ([key, value]) => `${key}=${/^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`
  )
  return printable([message, ...told].join(' '))
}

/** The facts as SD-PARAMs, as many as fit; `-` without any. */
function structuredData(facts: SyslogEntry['facts'], room: number): string {
  const escaped = (value: string): string => printable(value).replace(/[\\"\]]/g, '\\$&')
  let data = `[${SD_ID}`
  for (const [key, value] of factsOf(facts)) {
    const name = key.replace(/[^!-~]|[="\]]/g, '_').slice(0, 32) || '_'
    const param = ` ${name}="${escaped(value)}"`
    if (Buffer.byteLength(data) + Buffer.byteLength(param) + 1 <= room) data += param
  }
  return data.length === SD_ID.length + 1 ? '-' : `${data}]`
}

function factsOf(facts: SyslogEntry['facts']): [string, string][] {
  return Object.entries(facts).flatMap(([key, value]): [string, string][] => {
    if (value === undefined || SECRET.has(key)) return []
    if (typeof value === 'string') return [[key, value]]
    if (value instanceof Error) return [[key, value.message]]
    return [[key, jsonOf(value)]]
  })
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value, (key, part) => (SECRET.has(key) ? undefined : part)) ?? ''
  } catch {
    // A loop, or a bigint.
    return typeof value === 'object' ? '[object]' : String(value)
  }
}

const isAscii = (text: string): boolean => /^[ -~]*$/.test(text)

/** A line is a line: what would break it, or move a terminal's cursor, is shown as `?`. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
const printable = (text: string): string => text.replace(/[\x00-\x1f\x7f-\x9f]/g, '?')

/** The first so many bytes, without half a character at the end. */
function cut(whole: Buffer, most: number): Buffer {
  if (whole.length <= most) return whole
  let end = most
  // 10xxxxxx goes on with a character that began before.
  while (end > 0 && ((whole[end] ?? 0) & 0xc0) === 0x80) end--
  return whole.subarray(0, end)
}
