import type { Directive } from './directive.js'
import type { Report } from './report.js'
import { type Entry, entry, numberOr, scalar } from './yaml-tree.js'

/** What `http-check expect` rules ask for; '' where they say nothing. */
export interface Expected {
  statuses: string
  body: string
  bodyRegex: string
}

export const createExpected = (): Expected => ({ statuses: '', body: '', bodyRegex: '' })

/** The map of `expect`. */
export function expectations({ statuses, body, bodyRegex }: Expected): Entry[] {
  const isBody = body !== '' || bodyRegex !== ''
  // Without a rule haproxy wants 2xx or 3xx; a rule about the body takes any status.
  const status = statuses !== '' ? statuses : isBody ? '100-599' : '200-399'
  return [
    entry('status', numberOr(status)),
    ...(body === '' ? [] : [entry('body', scalar(body))]),
    ...(bodyRegex === '' ? [] : [entry('body_regex', scalar(bodyRegex))])
  ]
}

/** `http-check expect [min-recv N] [comment …] [on-… …] [!] KIND PATTERN` */
export function takeExpect(expected: Expected, line: Directive, words: readonly string[], report: Report): void {
  let isNegated = false
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ''
    const value = words[i + 1] ?? ''
    if (word === '!') isNegated = true
    else if (/^(?:min-recv|comment|ok-status|error-status|tout-status|on-success|on-error|status-code)$/.test(word)) i++
    else if (word === 'status' || word === 'rstatus') {
      const statuses = statusRanges(word, value, isNegated)
      if (statuses === undefined) leave(line, word, report)
      else expected.statuses = statuses
      break
    } else if ((word === 'string' || word === 'rstring') && !isNegated) {
      // vipd is content with this much of a text, as with a status.
      if (word === 'string') expected.body = value
      else if (compile(value) === undefined) leave(line, word, report, 'is no regular expression of JavaScript')
      else expected.bodyRegex = value
      break
    } else {
      leave(line, word, report)
      return
    }
  }
  report.carry(line)
}

const leave = (
  line: Directive,
  word: string,
  report: Report,
  why = 'vipd expects a status and a part of the body'
): void => report.add('changed', line, `http-check expect ${word}`, `${why}: left out`)

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
  const expression = pattern.length > MAX_PATTERN ? undefined : compile(pattern)
  return expression === undefined ? undefined : (status) => expression.test(String(status))
}

/** haproxy has other regular expressions than JavaScript; most are both. */
function compile(pattern: string): RegExp | undefined {
  try {
    return new RegExp(pattern, 'm')
  } catch {
    return undefined
  }
}
