/** A place in the configuration: keys and indexes from the top, as zod and the YAML parser write it. */
export type Path = readonly (string | number)[]

/** Something about the configuration that is not as it should be. */
export interface Problem {
  readonly path: Path
  /** What is wrong, and what would be right. */
  readonly message: string
  /** error: vipd does not start with it. warning: it starts, and does what the message says. */
  readonly severity: 'error' | 'warning'
  /** The place is the key itself, not its value. */
  readonly atKey?: boolean
}

/** A problem with its place in the file. Lines and columns count from 1. */
export interface PlacedProblem extends Problem {
  readonly line: number
  readonly column: number
}

/** `file:line:col: what, and what would be right` */
export const formatProblem = (file: string, problem: PlacedProblem): string =>
  `${file}:${problem.line}:${problem.column}: ${problem.severity === 'warning' ? 'warning: ' : ''}${problem.message}`

export const errorAt = (path: Path, message: string): Problem => ({ path, message, severity: 'error' })
export const warningAt = (path: Path, message: string): Problem => ({ path, message, severity: 'warning' })

/** What is found for several servers and stands once in the file is told once. */
export function unique(problems: readonly Problem[]): Problem[] {
  const told = new Set<string>()
  return problems.filter(({ path, message }) => {
    const key = JSON.stringify([path, message])
    const isNew = !told.has(key)
    told.add(key)
    return isNew
  })
}

/** An error for each item whose key an earlier item has too. */
export function duplicates<Item>(
  items: readonly Item[],
  key: (item: Item) => string,
  path: (index: number) => Path,
  message: (item: Item, first: Item) => string
): Problem[] {
  const firsts = new Map<string, Item>()
  return items.flatMap((item, index) => {
    const first = firsts.get(key(item))
    if (first === undefined) {
      firsts.set(key(item), item)
      return []
    }
    return [errorAt(path(index), message(item, first))]
  })
}

/** Two of a kind with one name: names are how logs, status and other entries tell them apart. */
export const sameNames = (items: readonly { readonly name: string }[], key: string, kind: string): Problem[] =>
  duplicates(
    items,
    (one) => one.name,
    (i) => [key, i, 'name'],
    (one) => `another ${kind} is already called ${one.name}: names must differ`
  )
