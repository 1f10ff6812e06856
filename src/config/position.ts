import { isMap, isNode, isPair, type LineCounter } from 'yaml'
import type { Problem } from './problem.js'

/** Where a problem stands; what is missing stands at the map that misses it. */
export function positionOf(contents: unknown, problem: Problem, lines: LineCounter): { line: number; column: number } {
  let node = contents
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0
  for (const [depth, part] of problem.path.entries()) {
    const isLast = depth === problem.path.length - 1
    const pair = isMap(node) ? node.items.find((item) => isPair(item) && String(item.key) === String(part)) : undefined
    const key = isNode(pair?.key) ? pair.key : undefined
    if (isLast && problem.atKey === true && key !== undefined) return at(key.range?.[0] ?? offset, lines)
    const next = pair !== undefined ? pair.value : isCollectionLike(node) ? node.get(part, true) : undefined
    if (isNode(next)) offset = next.range?.[0] ?? offset
    else if (key !== undefined) offset = key.range?.[0] ?? offset
    node = next
  }
  return at(offset, lines)
}

const isCollectionLike = (node: unknown): node is { get(key: unknown, keepScalar: true): unknown } =>
  typeof node === 'object' && node !== null && 'get' in node && typeof node.get === 'function'

function at(offset: number, lines: LineCounter): { line: number; column: number } {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(1, line), column: Math.max(1, col) }
}
