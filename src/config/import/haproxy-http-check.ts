import type { Directive } from './directive.js'
import type { Report } from './report.js'
import { type Entry, entry, map, type Node, numberOr, scalar } from './yaml-tree.js'

/** What `option httpchk` and `http-check` lines ask for. */
export interface HttpPlan {
  /** method, uri, host, expect: keys of `check`. */
  readonly keys: ReadonlyMap<string, Node>
  /** `http-check connect`: TLS, whatever the server says, to this port, asking for this name. */
  readonly isTls: boolean
  readonly port: string
  readonly servername: string
}

interface Draft {
  method: string
  uri: string
  host: string
  statuses: string
  body: string
  bodyRegex: string
  isTls: boolean
  port: string
  servername: string
}

/**
 * The check that the lines describe.
 * @param option the `option httpchk` that counts
 * @param lines the `http-check` lines that count
 */
export function importHttpCheck(option: Directive, lines: readonly Directive[], report: Report): HttpPlan {
  const draft: Draft = {
    ...{ method: 'OPTIONS', uri: '/', host: '', statuses: '', body: '', bodyRegex: '' },
    ...{ isTls: false, port: '', servername: '' }
  }
  takeOption(draft, option, report)
  for (const line of lines) takeLine(draft, line, report)
  if (!/^(?:GET|HEAD|OPTIONS)$/.test(draft.method)) {
    report.add(
      'changed',
      option,
      'option httpchk',
      `vipd asks by GET, HEAD or OPTIONS, not ${draft.method}: GET is used`
    )
    draft.method = 'GET'
  }
  const keys = new Map<string, Node>([
    ['method', scalar(draft.method)],
    ['uri', scalar(draft.uri)],
    ...(draft.host === '' ? [] : [['host', scalar(draft.host)] as const]),
    ['expect', map(expectations(draft), true)]
  ])
  return { keys, isTls: draft.isTls, port: draft.port, servername: draft.servername }
}

function expectations({ statuses, body, bodyRegex }: Draft): Entry[] {
  const isBody = body !== '' || bodyRegex !== ''
  // Without a rule haproxy wants 2xx or 3xx; a rule about the body takes any status.
  const status = statuses !== '' ? statuses : isBody ? '100-599' : '200-399'
  return [
    entry('status', numberOr(status)),
    ...(body === '' ? [] : [entry('body', scalar(body))]),
    ...(bodyRegex === '' ? [] : [entry('body_regex', scalar(bodyRegex))])
  ]
}

/** `option httpchk [METHOD] [URI [VERSION]]`; old files put headers behind the version. */
function takeOption(draft: Draft, line: Directive, report: Report): void {
  report.carry(line)
  const words = line.words.slice(2)
  const [first = '', second] = words
  if (second === undefined && first !== '') draft.uri = first
  if (second !== undefined) {
    draft.method = first.toUpperCase()
    draft.uri = second
  }
  const host = /\r?\nHost:\s*([!-~]+)/i.exec(words.slice(2).join(' '))?.[1]
  if (host !== undefined) draft.host = host
}

function takeLine(draft: Draft, line: Directive, report: Report): void {
  const [, what = '', ...words] = line.words
  switch (what) {
    case 'send':
      takeSend(draft, line, words, report)
      break
    case 'expect':
      takeExpect(draft, line, words, report)
      break
    case 'connect':
      takeConnect(draft, line, words, report)
      break
    case 'disable-on-404':
      report.add('warning', line, `http-check ${what}`, 'built in: a server that answers, but is not ready, is drained')
      break
    case 'comment':
    case 'send-state':
      report.add('warning', line, `http-check ${what}`, 'not needed in vipd: left out')
      break
    default:
      report.add('changed', line, `http-check ${what}`, 'vipd’s checks are one request and one answer: left out')
  }
}

function takeSend(draft: Draft, line: Directive, words: readonly string[], report: Report): void {
  report.carry(line)
  for (let i = 0; i < words.length; i++) {
    const value = words[i + 1] ?? ''
    switch (words[i]) {
      case 'meth':
        draft.method = value.toUpperCase()
        break
      case 'uri':
        draft.uri = value
        break
      case 'ver':
        break
      case 'hdr':
        takeHeader(draft, line, value, words[i + 2] ?? '', report)
        i++
        break
      default:
        report.add('changed', line, `http-check send ${words[i]}`, 'vipd’s checks have no such part: left out')
    }
    i++
  }
}

/** The value of a header may be a secret: it is in no report. */
function takeHeader(draft: Draft, line: Directive, name: string, value: string, report: Report): void {
  switch (name.toLowerCase()) {
    case 'host':
      draft.host = value
      break
    case 'user-agent':
    case 'accept':
    case 'connection':
      report.add('warning', line, `http-check send hdr ${name}`, 'vipd sends its own')
      break
    case 'authorization':
      report.add(
        'changed',
        line,
        `http-check send hdr ${name}`,
        'secrets are in files: put the token alone into one that only vipd can read, and write `token_file` into the check'
      )
      break
    default:
      report.add('changed', line, `http-check send hdr ${name}`, 'vipd sends no headers of that name: left out')
  }
}

/** `http-check connect [port N] [ssl] [sni NAME] …` */
function takeConnect(draft: Draft, line: Directive, words: readonly string[], report: Report): void {
  report.carry(line)
  for (let i = 0; i < words.length; i++) {
    switch (words[i]) {
      case 'ssl':
        draft.isTls = true
        break
      case 'port':
        draft.port = words[++i] ?? ''
        break
      case 'sni':
        draft.servername = words[++i] ?? ''
        break
      case 'default':
      case 'linger':
        break
      case 'comment':
      case 'alpn':
      case 'proto':
        i++
        break
      default:
        report.add('changed', line, `http-check connect ${words[i]}`, 'vipd’s checks have no such option: left out')
    }
  }
}

/** `http-check expect [min-recv N] [comment …] [on-… …] [!] KIND PATTERN` */
function takeExpect(draft: Draft, line: Directive, words: readonly string[], report: Report): void {
  let isNegated = false
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ''
    const value = words[i + 1] ?? ''
    if (word === '!') isNegated = true
    else if (/^(?:min-recv|comment|ok-status|error-status|tout-status|on-success|on-error|status-code)$/.test(word)) i++
    else if (word === 'status' || word === 'rstatus') {
      const statuses = statusRanges(word, value, isNegated)
      if (statuses === undefined) leave(line, word, report)
      else draft.statuses = statuses
      break
    } else if ((word === 'string' || word === 'rstring') && !isNegated) {
      // vipd is content with this much of a text, as with a status.
      if (word === 'string') draft.body = value
      else draft.bodyRegex = value
      break
    } else {
      leave(line, word, report)
      return
    }
  }
  report.carry(line)
}

const leave = (line: Directive, word: string, report: Report): void =>
  report.add('changed', line, `http-check expect ${word}`, 'vipd expects a status and a part of the body: left out')

/** Which of all statuses a rule takes, as ranges; undefined: none, or the pattern cannot be read. */
function statusRanges(kind: 'status' | 'rstatus', pattern: string, isNegated: boolean): string | undefined {
  const takes = kind === 'status' ? inRanges(pattern) : byPattern(pattern)
  if (takes === undefined) return undefined
  const ranges: [number, number][] = []
  for (let status = 100; status < 600; status++) {
    if (takes(status) === isNegated) continue
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === status - 1) last[1] = status
    else ranges.push([status, status])
  }
  if (ranges.length === 0 || ranges.length > MAX_RANGES) return undefined
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',')
}

const MAX_RANGES = 20

function inRanges(pattern: string): ((status: number) => boolean) | undefined {
  const ranges = pattern.split(',').map((part) => /^(\d{3})(?:-(\d{3}))?$/.exec(part))
  if (ranges.some((one) => one === null)) return undefined
  return (status) => ranges.some((one) => status >= Number(one?.[1]) && status <= Number(one?.[2] ?? one?.[1]))
}

/** A pattern long enough to be slow is none that anybody writes for three digits. */
const MAX_PATTERN = 60

function byPattern(pattern: string): ((status: number) => boolean) | undefined {
  if (pattern.length > MAX_PATTERN) return undefined
  try {
    const expression = new RegExp(pattern)
    return (status) => expression.test(String(status))
  } catch {
    return undefined
  }
}
