import type { Directive } from './directive.js'
import { createExpected, type Expected, expectations, takeExpect } from './haproxy-expect.js'
import type { Report } from './report.js'
import { map, type Node, scalar } from './yaml-tree.js'

/** What `option httpchk` and `http-check` lines ask for. */
export interface HttpPlan {
  /** method, uri, host, expect: keys of `check`. */
  readonly keys: ReadonlyMap<string, Node>
  /** `http-check connect`: TLS, whatever the server says, to this port, asking for this name. */
  readonly isTls: boolean
  readonly port: string
  readonly servername: string
}

interface Draft extends Expected {
  method: string
  uri: string
  host: string
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
    ...createExpected(),
    ...{ method: 'OPTIONS', uri: '/', host: '', isTls: false, port: '', servername: '' }
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
  if (!/^\/[!-~]*$/.test(draft.uri)) {
    report.add('changed', option, 'option httpchk', `\`${draft.uri}\` is no path: / is asked for`)
    draft.uri = '/'
  }
  const keys = new Map<string, Node>([
    ['method', scalar(draft.method)],
    ['uri', scalar(draft.uri)],
    ...(draft.host === '' ? [] : [['host', scalar(draft.host)] as const]),
    ['expect', map(expectations(draft), true)]
  ])
  return { keys, isTls: draft.isTls, port: draft.port, servername: draft.servername }
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
