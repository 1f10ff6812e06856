import type * as z from 'zod'
import type { Path } from '../problem.js'
import { crossCheck } from '../rules.js'
import { configSchema } from '../schema.js'
import { writtenIn } from '../written.js'
import type { Note } from './report.js'
import { type Entry, type Item, type Node, type Place, plain } from './yaml-tree.js'

/** Everything that `vipd check` would refuse in what is about to be written, told at the lines it came from. */
export function validate(root: readonly Entry[], fallback: Place): Note[] {
  const top: Node = { kind: 'map', entries: root, flow: false, tail: [] }
  const parsed = configSchema.safeParse(plain(top))
  if (parsed.success) {
    return crossCheck(parsed.data, writtenIn(plain(top))).flatMap(({ path, message, severity }) => {
      if (severity === 'error') return [note(top, path, message, fallback)]
      // What the old files say of services, and `vipd check` will say too.
      return path[0] === 'proxy' ? [{ ...note(top, path, message, fallback), level: 'trap' as const }] : []
    })
  }
  return parsed.error.issues.flatMap(flatten).map(({ path, message }) => {
    const { node } = locate(top, path, fallback)
    return note(top, path, `${message}${found(path, node)}`, fallback)
  })
}

/** How the text of a note ends that is about something that is not there. */
export const MISSING = '(it is missing here)'

interface Issue {
  readonly path: Path
  readonly message: string
}

/** A union's own branches know better than the union, when the value has the shape of one of them. */
function flatten(issue: z.core.$ZodIssue): Issue[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol')
  if (issue.code === 'invalid_union') {
    const branch = issue.errors.find((one) => one.some((inner) => inner.path.length > 0))
    if (branch !== undefined) return branch.flatMap((one) => flatten({ ...one, path: [...issue.path, ...one.path] }))
  }
  return [{ path, message: issue.message }]
}

function note(top: Node, path: Path, message: string, fallback: Place): Note {
  const { place } = locate(top, path, fallback)
  const keys = path.slice(2).filter((part) => typeof part === 'string')
  return { ...place, level: 'error', subject: keys.join(' '), text: message }
}

/** What was found there, unless it is missing or a secret. */
function found(path: Path, node: Node | undefined): string {
  if (node === undefined) return ` ${MISSING}`
  if (node.kind !== 'scalar' || path.includes('auth_pass')) return ''
  return `, not \`${node.value}\``
}

function locate(top: Node, path: Path, fallback: Place): { place: Place; node: Node | undefined } {
  let node: Node | undefined = top
  let place = fallback
  for (const part of path) {
    const child: Item | undefined = node === undefined ? undefined : childOf(node, part)
    place = child?.place ?? place
    node = child?.node
  }
  return { place, node }
}

function childOf(node: Node, part: string | number): Item | undefined {
  switch (node.kind) {
    case 'scalar':
      return undefined
    case 'map':
      return node.entries.find((one) => one.key === part)
    case 'list':
      return node.items[Number(part)]
  }
}
