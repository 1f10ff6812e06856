import { parsePrefix } from '../../base/ip.js'
import { type Directive, keywordOf } from './directive.js'
import type { Report } from './report.js'
import { type Item, item, type ListNode, leftBehind, list, scalar } from './yaml-tree.js'

/** virtual_ipaddress: the addresses with their lengths; what else keepalived may know of one is reported. */
export function importAddresses(block: Directive, interfaceName: string, report: Report): ListNode {
  const items: Item[] = []
  let behind: readonly string[] = []
  for (const line of block.block ?? []) {
    const address = keywordOf(line)
    if (parsePrefix(address)?.family === 6) {
      report.add('changed', line, address, 'IPv6 addresses are not held yet (later work): left out')
      behind = [...behind, ...leftBehind(line)]
      continue
    }
    reviewParameters(line, interfaceName, report)
    report.carry(line)
    const place = { file: report.file, line: line.line }
    items.push(item(scalar(address), { above: [...behind, ...line.above], beside: line.beside, place }))
    behind = []
  }
  return list(items, true, [...behind, ...block.tail])
}

/** Parameters of an address that carry a word with them. */
const WITH_VALUE: ReadonlySet<string> = new Set(['brd', 'broadcast', 'dev', 'scope', 'label', 'peer', 'preferred_lft'])
const WITHOUT_VALUE: ReadonlySet<string> = new Set([
  'home',
  '-nodad',
  'mngtmpaddr',
  'noprefixroute',
  'autojoin',
  'no_track',
  'track_group',
  'use_vmac'
])

function reviewParameters(line: Directive, interfaceName: string, report: Report): void {
  const address = keywordOf(line)
  for (let i = 1; i < line.words.length; i++) {
    const name = line.words[i] ?? ''
    if (WITH_VALUE.has(name)) {
      reviewValue(line, name, line.words[++i] ?? '', interfaceName, report)
    } else if (WITHOUT_VALUE.has(name)) {
      report.add('warning', line, `${address} ${name}`, 'vipd adds the address in its own way: left out')
    } else if (parsePrefix(name) !== undefined) {
      report.add(
        'error',
        line,
        name,
        'a second address on one line: give each its own line, keepalived ignores this one'
      )
    } else {
      report.add('error', line, name, `not understood: an address may be followed by ${[...WITH_VALUE].join(', ')}`)
    }
  }
}

function reviewValue(line: Directive, name: string, value: string, interfaceName: string, report: Report): void {
  const subject = `${keywordOf(line)} ${name}`
  if (value === '') {
    report.add('error', line, subject, 'its value is missing')
  } else if (name === 'dev') {
    if (value === interfaceName) return
    report.add(
      'changed',
      line,
      subject,
      `vipd adds the address to the instance’s interface ${interfaceName}, not to ${value}`
    )
  } else if (name === 'peer') {
    report.add('changed', line, subject, 'the address is added without a peer')
  } else {
    report.add('warning', line, subject, 'vipd adds the address in its own way: left out')
  }
}
