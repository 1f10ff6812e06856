import type { Entry, Item, ListNode, MapNode, Node, Place, ScalarNode } from './yaml-tree.js'

/** A line of YAML, and the lines of the old files that it comes from: none for a heading of our own. */
export interface YamlLine {
  readonly text: string
  readonly places: readonly Place[]
}

/** A tree of values and comments as YAML: two blanks deep, comments in one column, short things on one line. */
export function writeYaml(header: readonly string[], root: readonly Entry[]): YamlLine[] {
  const rows: Row[] = header.map((text) => ({ indent: 0, text: `# ${text}`, beside: '', places: [] }))
  for (const [i, one] of root.entries()) {
    if (i === 0 || one.node.kind !== 'scalar') rows.push(BLANK)
    rows.push(...entryRows(one, 0, one.node.kind === 'list'))
  }
  return align(rows)
}

interface Row {
  readonly indent: number
  readonly text: string
  readonly beside: string
  readonly places: readonly Place[]
}

const BLANK: Row = { indent: 0, text: '', beside: '', places: [] }
const MAX_FLOW_WIDTH = 100
const MAX_COMMENT_COLUMN = 48

const commentRows = (texts: readonly string[], indent: number, place: Place | undefined): Row[] =>
  texts.map((text) => ({ indent, text: `# ${text}`.trimEnd(), beside: '', places: placesOf(place) }))

const placesOf = (place: Place | undefined): Place[] => (place === undefined ? [] : [place])

function entryRows(one: Entry, indent: number, spaced: boolean): Row[] {
  const above = commentRows(one.above, indent, one.place)
  const inline = inlineText(one.node)
  if (inline !== undefined) {
    return [...above, { indent, text: `${one.key}: ${inline}`, beside: one.beside, places: allPlaces(one) }]
  }
  const head = { indent, text: `${one.key}:`, beside: one.beside, places: placesOf(one.place) }
  return [...above, head, ...blockRows(one, indent + 2, spaced)]
}

/** Of a value that stands on one line: where its parts come from before where it begins. */
function allPlaces({ node, place }: Item): Place[] {
  const children: readonly Item[] = node.kind === 'scalar' ? [] : node.kind === 'map' ? node.entries : node.items
  return [...children.flatMap(allPlaces), ...placesOf(place)]
}

function blockRows({ node, place }: Item, indent: number, spaced: boolean): Row[] {
  switch (node.kind) {
    case 'scalar':
      return [{ indent, text: scalarText(node), beside: '', places: placesOf(place) }]
    case 'map':
      return [...node.entries.flatMap((one) => entryRows(one, indent, false)), ...commentRows(node.tail, indent, place)]
    case 'list':
      return [
        ...node.items.flatMap((one, i) => [...(spaced && i > 0 ? [BLANK] : []), ...itemRows(one, indent)]),
        ...commentRows(node.tail, indent, place)
      ]
  }
}

function itemRows(one: Item, indent: number): Row[] {
  const above = commentRows(one.above, indent, one.place)
  const inline = inlineText(one.node)
  if (inline !== undefined) {
    return [...above, { indent, text: `- ${inline}`, beside: one.beside, places: allPlaces(one) }]
  }
  const rows = blockRows(one, indent + 2, false)
  // The dash goes to the first row that is no comment.
  const first = rows.findIndex((row) => !row.text.startsWith('#'))
  return [
    ...above,
    ...rows.map((row, i) =>
      i === first
        ? {
            indent,
            text: `- ${row.text}`,
            beside: row.beside || one.beside,
            places: [...placesOf(one.place), ...row.places]
          }
        : row
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
function align(rows: readonly Row[]): YamlLine[] {
  const lines: YamlLine[] = []
  let start = 0
  for (let i = 0; i <= rows.length; i++) {
    const row = rows[i]
    if (row !== undefined && row.text !== '') continue
    lines.push(...alignGroup(rows.slice(start, i)))
    if (row !== undefined) lines.push({ text: '', places: [] })
    start = i + 1
  }
  return lines
}

function alignGroup(rows: readonly Row[]): YamlLine[] {
  const width = (row: Row): number => row.indent + row.text.length
  const widths = rows.filter((row) => row.beside !== '').map(width)
  const column = Math.max(0, ...widths.filter((one) => one <= MAX_COMMENT_COLUMN)) + 2
  return rows.map((row) => {
    const text = `${' '.repeat(row.indent)}${row.text}`
    const { places } = row
    return { text: row.beside === '' ? text : `${text.padEnd(column - 2)}  # ${row.beside}`, places }
  })
}
