import { addressBytes, type Family, parsePrefix } from '../../base/ip.js'
import { type Directive, keywordOf } from './directive.js'
import { addressParameters } from './keepalived-address-words.js'
import { gatherItems } from './keepalived-draft.js'
import type { Report } from './report.js'
import { entry, item, type ListNode, list, map, type Node, scalar } from './yaml-tree.js'

/** What the addresses of an instance have to be judged by. */
export interface AddressScope {
  readonly interfaceName: string
  /** The family of the adverts; undefined in virtual_ipaddress_excluded, which takes both. */
  readonly family: Family | undefined
}

/** virtual_ipaddress and virtual_ipaddress_excluded: the addresses, with where and how they are held. */
export function importAddresses(block: Directive, scope: AddressScope, report: Report): ListNode {
  const { items, behind } = gatherItems(report, block, (line) => {
    const address = keywordOf(line)
    const family = parsePrefix(address)?.family
    if (family === undefined || scope.family === undefined || family === scope.family)
      return addressNode(line, scope, report)
    const text =
      'is of another family than the first address, so keepalived ignores it and nobody holds it: left out. To have it held, put it into virtual_ipaddress_excluded'
    report.add('warning', line, address, text)
    return undefined
  })
  return list(items, true, [...behind, ...block.tail])
}

function addressNode(line: Directive, scope: AddressScope, report: Report): Node {
  const parameters = addressParameters(line, scope.interfaceName, report)
  const address = scalar(keywordOf(line))
  return parameters.length === 0 ? address : map([entry('address', address), ...parameters], true)
}

/** The addresses of an IPv6 instance, a link-local one first (RFC 9568 §5.2.9): one of the list's, or a new one. */
export function linkLocalFirst(node: ListNode, vrid: string, block: Directive, report: Report): ListNode {
  const at = node.items.findIndex((one) => isLinkLocal6(addressOf(one.node)))
  const [found] = node.items.slice(at, at + 1)
  if (at === 0) return node
  if (at > 0 && found !== undefined) {
    const text = 'an IPv6 instance names a link-local address first (RFC 9568): it stands first now'
    report.add('warning', { line: found.place?.line ?? block.line }, addressOf(found.node), text)
    return list([found, ...node.items.slice(0, at), ...node.items.slice(at + 1)], node.flow, node.tail)
  }
  const added = linkLocalOf(vrid)
  const text = `an IPv6 instance names a link-local address first (RFC 9568), and keepalived does not insist: ${added} is added. Put it first in virtual_ipaddress of every other node too, or choose another`
  report.add('changed', block, 'virtual_ipaddress', text)
  const first = item(scalar(added), {
    beside: 'added by the import: the peers’ keepalived must get it too',
    place: { file: report.file, line: block.line }
  })
  return list([first, ...node.items], node.flow, node.tail)
}

/** fe80:: and the VRID in hexadecimal. */
function linkLocalOf(vrid: string): string {
  const id = /^\d{1,3}$/.test(vrid) ? Number(vrid) & 255 : 0
  return `fe80::${id.toString(16)}`
}

function addressOf(node: Node): string {
  const own = node.kind === 'map' ? node.entries.find((one) => one.key === 'address')?.node : node
  return own?.kind === 'scalar' ? (parsePrefix(String(own.value))?.address ?? '') : ''
}

/** The family of the first address of a block that is one. */
export const firstFamily = (block: Directive | undefined): Family =>
  (block?.block ?? []).map((line) => parsePrefix(keywordOf(line))?.family).find((one) => one !== undefined) ?? 4

/** fe80::/10; never IPv4. */
export function isLinkLocal6(address: string): boolean {
  const bytes = addressBytes(address)
  return bytes?.length === 16 && bytes[0] === 0xfe && (bytes[1] ?? 0) >> 6 === 2
}
