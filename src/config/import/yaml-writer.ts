import type { Entry, Item, ListNode, MapNode, Node, ScalarNode } from './yaml-tree.js'

/** A tree of values and comments as YAML: two blanks deep, comments in one column, short things on one line. */
export function writeYaml(header: readonly string[], root: readonly Entry[]): string {
  const rows: Row[] = header.map((text) => ({ indent: 0, text: `# ${text}`, beside: '' }))
  for (const [i, one] of root.entries()) {
    if (i === 0 || one.node.kind !== 'scalar') rows.push(BLANK)
    rows.push(...entryRows(one, 0, one.node.kind === 'list'))
  }
  return `${align(rows).join('\n')}\n`
}

interface Row {
  readonly indent: number
  readonly text: string
  readonly beside: string
}

const BLANK: Row = { indent: 0, text: '', beside: '' }
const MAX_FLOW_WIDTH = 100
const MAX_COMMENT_COLUMN = 48

const commentRows = (texts: readonly string[], indent: number): Row[] =>
  texts.map((text) => ({ indent, text: `# ${text}`.trimEnd(), beside: '' }))

function entryRows(one: Entry, indent: number, spaced: boolean): Row[] {
  const above = commentRows(one.above, indent)
  const inline = inlineText(one.node)
  if (inline !== undefined) return [...above, { indent, text: `${one.key}: ${inline}`, beside: one.beside }]
  return [...above, { indent, text: `${one.key}:`, beside: one.beside }, ...blockRows(one.node, indent + 2, spaced)]
}

function blockRows(node: Node, indent: number, spaced: boolean): Row[] {
  switch (node.kind) {
    case 'scalar':
      return [{ indent, text: scalarText(node), beside: '' }]
    case 'map':
      return [...node.entries.flatMap((one) => entryRows(one, indent, false)), ...commentRows(node.tail, indent)]
    case 'list':
      return [
        ...node.items.flatMap((one, i) => [...(spaced && i > 0 ? [BLANK] : []), ...itemRows(one, indent)]),
        ...commentRows(node.tail, indent)
      ]
  }
}

function itemRows(one: Item, indent: number): Row[] {
  const above = commentRows(one.above, indent)
  const inline = inlineText(one.node)
  if (inline !== undefined) return [...above, { indent, text: `- ${inline}`, beside: one.beside }]
  const rows = blockRows(one.node, indent + 2, false)
  // The dash goes to the first row that is no comment.
  const first = rows.findIndex((row) => !row.text.startsWith('#'))
  return [
    ...above,
    ...rows.map((row, i) =>
      i === first ? { ...row, indent, text: `- ${row.text}`, beside: row.beside || one.beside } : row
    )
  ]
}

/** A node on one line, or undefined when it needs several. */
function inlineText(node: Node): string | undefined {
  if (node.kind === 'scalar') return scalarText(node)
  if (!node.flow || hasComments(node)) return undefined
  const text = flowText(node)
  return text.length > MAX_FLOW_WIDTH ? undefined : text
}

function flowText(node: Node): string {
  switch (node.kind) {
    case 'scalar':
      return scalarText(node)
    case 'map':
      return `{ ${node.entries.map((one) => `${one.key}: ${flowText(one.node)}`).join(', ')} }`
    case 'list':
      return `[ ${node.items.map((one) => flowText(one.node)).join(', ')} ]`
  }
}

function hasComments(node: MapNode | ListNode): boolean {
  if (node.tail.length > 0) return true
  const children: readonly Item[] = node.kind === 'map' ? node.entries : node.items
  return children.some(
    (one) => one.above.length > 0 || one.beside !== '' || (one.node.kind !== 'scalar' && hasComments(one.node))
  )
}

const PLAIN =
  /^(?:[A-Za-z_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_.-]+)*|\d+(?:\.\d+)?(?:us|ms|s|m|h|d|%)|\d+(?:\.\d+){3}(?:[:/]\d+)?)$/
const RESERVED = /^(?:y|yes|n|no|on|off|true|false|null|nan|inf)$/i

function scalarText({ value, quoted }: ScalarNode): string {
  if (typeof value !== 'string') return String(value)
  return !quoted && PLAIN.test(value) && !RESERVED.test(value) ? value : JSON.stringify(value)
}

/** Comments of neighbouring rows in one column, as long as that is not far to the right. */
function align(rows: readonly Row[]): string[] {
  const lines: string[] = []
  let start = 0
  for (let i = 0; i <= rows.length; i++) {
    const row = rows[i]
    if (row !== undefined && row.text !== '') continue
    lines.push(...alignGroup(rows.slice(start, i)))
    if (row !== undefined) lines.push('')
    start = i + 1
  }
  return lines
}

function alignGroup(rows: readonly Row[]): string[] {
  const width = (row: Row): number => row.indent + row.text.length
  const widths = rows.filter((row) => row.beside !== '').map(width)
  const column = Math.max(0, ...widths.filter((one) => one <= MAX_COMMENT_COLUMN)) + 2
  return rows.map((row) => {
    const text = `${' '.repeat(row.indent)}${row.text}`
    return row.beside === '' ? text : `${text.padEnd(column - 2)}  # ${row.beside}`
  })
}
