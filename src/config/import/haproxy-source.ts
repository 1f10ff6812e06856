import { canonicalAddress } from '../../base/ip.js'
import type { Directive } from './directive.js'
import type { Report } from './report.js'

/** Where connections to servers come from, as `source …` has it. */
export interface Origin {
  /** '' leaves it to the kernel. */
  readonly address: string
  /** The client's own address. */
  readonly isTransparent: boolean
}

/** The words that belong to a `source`, and what they ask for; everything else about them is in the report. */
export function takeSource(
  line: Directive,
  from: number,
  report: Report
): { readonly origin: Origin; readonly taken: number } {
  const [given = '', ...rest] = line.words.slice(from)
  let isTransparent = false
  let taken = 1
  for (let i = 0; i < rest.length; i += 2) {
    const value = rest[i + 1] ?? ''
    if (rest[i] === 'usesrc') {
      isTransparent = value === 'client' || value === 'clientip'
      if (!isTransparent) leaveOut(line, 'source … usesrc', report)
      if (value === 'client') {
        report.add(
          'warning',
          line,
          'source … usesrc',
          'the client’s address is kept; its port is not, as with clientip'
        )
      }
    } else if (rest[i] === 'interface') leaveOut(line, 'source … interface', report)
    else break
    taken += 2
  }
  return { origin: { address: isTransparent ? '' : addressOf(given, line, report), isTransparent }, taken }
}

const leaveOut = (line: Directive, subject: string, report: Report): void =>
  report.add('changed', line, subject, 'vipd chooses between an address of its own and the client’s: left out')

function addressOf(given: string, line: Directive, report: Report): string {
  const match = /^\[?([0-9A-Fa-f:.]*?)\]?(?::(\d+(?:-\d+)?))?$/.exec(given.replace(/^ipv[46]@/, ''))
  const host = match?.[1] ?? ''
  const address = canonicalAddress(host)
  if (host === '' || host === '*' || address === '0.0.0.0' || address === '::') return ''
  if (address === undefined) {
    report.add('changed', line, 'source', `\`${given}\` is no address: left out`)
    return ''
  }
  if (match?.[2] !== undefined && match[2] !== '0') {
    report.add('warning', line, 'source', 'vipd lets the kernel choose the port, and shares it between servers')
  }
  return host
}
