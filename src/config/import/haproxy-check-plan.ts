import { argumentOf, type Directive } from './directive.js'
import { type HttpPlan, importHttpCheck } from './haproxy-http-check.js'
import { fullKeyword, isNegated, type Section } from './haproxy-section.js'
import type { Report } from './report.js'

/** How the servers of a section are checked: the last `option …chk` decides. */
export interface CheckPlan {
  readonly http: HttpPlan | undefined
  /** `tcp-check connect port N` */
  readonly port: string
  /** The lines that say so, for their comments. */
  readonly lines: readonly Directive[]
}

/** Options that say how servers are checked: each takes the place of the one before. */
export const CHECK_OPTIONS: readonly string[] = [
  ...['httpchk', 'tcp-check', 'ssl-hello-chk', 'smtpchk', 'mysql-check', 'pgsql-check', 'redis-check'],
  ...['ldap-check', 'spop-check', 'external-check', 'lb-agent-chk']
].map((one) => `option ${one}`)

const UNREADY = 'The check is TCP: it proves that the port answers, not that the server is ready'

/** What is checked, and a trap: an option that took another’s place. */
export function planChecks(back: Section, report: Report): CheckPlan {
  const isOption = (line: Directive): boolean => CHECK_OPTIONS.includes(fullKeyword(line))
  // One that takes the place of that in `defaults` is meant to.
  const options = back.own.some(isOption) ? back.own.filter(isOption) : back.inherited.filter(isOption)
  const last = options.at(-1)
  const own = last === undefined || isNegated(last) ? '' : fullKeyword(last)
  const before = options.findLast((line) => !isNegated(line) && fullKeyword(line) !== own)
  if (last !== undefined && own !== '' && before !== undefined) replaced(before, last, report)
  const plan: CheckPlan = { http: undefined, port: '', lines: [] }
  if (last === undefined || own === '') {
    rulesOf(back, 'http-check', false, report)
    rulesOf(back, 'tcp-check', false, report)
    return plan
  }
  const http = rulesOf(back, 'http-check', own === 'option httpchk', report)
  const tcp = rulesOf(back, 'tcp-check', own === 'option tcp-check', report)
  switch (own) {
    case 'option httpchk':
      return { ...plan, http: importHttpCheck(last, http, report), lines: [last, ...http] }
    case 'option tcp-check':
      report.carry(last)
      return { ...plan, port: connectOnly(tcp, report), lines: [last, ...tcp] }
    case 'option ssl-hello-chk':
      report.add(
        'changed',
        last,
        own,
        `it sent an SSLv3 hello, and took even an alert as success. ${UNREADY}. For an apiserver: \`check: { type: https, ca_file: /etc/kubernetes/pki/ca.crt, servername: kubernetes }\``
      )
      return plan
    default:
      report.add('changed', last, own, `vipd has no such check. ${UNREADY}`)
      return plan
  }
}

function replaced(before: Directive, last: Directive, report: Report): void {
  report.add(
    'trap',
    before,
    fullKeyword(before),
    `never had an effect: \`${fullKeyword(last)}\` in line ${last.line} takes its place, as the last one counts`
  )
}

/** The rules that count: those of the section itself, else those of its defaults. */
function rulesOf(back: Section, keyword: string, isInForce: boolean, report: Report): readonly Directive[] {
  const isRule = (line: Directive): boolean => fullKeyword(line) === keyword
  const own = back.own.filter(isRule)
  const rules = own.length > 0 ? own : back.inherited.filter(isRule)
  if (isInForce) return rules
  for (const line of own) {
    report.add('warning', line, keyword, 'belongs to a check that is not in force: without effect in haproxy too')
  }
  return []
}

/** `tcp-check connect` lines are what vipd does; anything beyond them is a script. */
function connectOnly(rules: readonly Directive[], report: Report): string {
  let port = ''
  for (const line of rules) {
    const at = line.words.indexOf('port')
    if (argumentOf(line) === 'comment') report.carry(line)
    else if (argumentOf(line) !== 'connect' || line.words.includes('ssl')) {
      report.add('changed', line, `tcp-check ${argumentOf(line)}`, `scripted checks are not carried over. ${UNREADY}`)
    } else {
      report.carry(line)
      if (at > 0) port = line.words[at + 1] ?? ''
    }
  }
  return port
}
