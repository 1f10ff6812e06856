import { open } from 'node:fs/promises'
import { LineCounter, parseDocument, type YAMLParseError } from 'yaml'
import { errnoOf, messageOf } from '../base/errors.js'
import { type HostChecks, hostProblems } from './host-rules.js'
import { toProblems } from './issues.js'
import { positionOf } from './position.js'
import { errorAt, type PlacedProblem, type Problem } from './problem.js'
import { crossCheck } from './rules.js'
import { type Config, configSchema } from './schema.js'
import { type Checkable, soundOf, wholeOf } from './sound.js'

/** A configuration file longer than this is not read: nobody writes one by hand. */
const MAX_FILE_BYTES = 1 << 20

/** The configuration, where there is one, and everything that is to be said about it. Without errors there is one. */
export interface Loaded {
  readonly config: Config | undefined
  readonly problems: readonly PlacedProblem[]
}

/**
 * Reads and checks a configuration file. Never throws: an unreadable file is a problem at its first line.
 * @param host looks at the programs and key files that it names; without it they are taken as they are
 */
export async function loadConfig(file: string, host?: HostChecks): Promise<Loaded> {
  let text: string
  try {
    text = await readBounded(file)
  } catch (error) {
    return { config: undefined, problems: [{ ...errorAt([], unreadable(error)), line: 1, column: 1 }] }
  }
  const { checkable, place, ...loaded } = examine(text)
  if (host === undefined || checkable === undefined) return loaded
  const found = await hostProblems(checkable.config, host, checkable.written)
  const told = new Set(loaded.problems.map((problem) => problem.path.join('\0')))
  const problems = found
    .map((problem) => ({ ...problem, path: checkable.inFile(problem.path) }))
    // Where the value itself is wrong, something else was looked at in its place.
    .filter((problem) => !told.has(problem.path.join('\0')))
  return conclude(loaded.config, [...loaded.problems, ...problems.map(place)])
}

/** YAML text → Config, or every problem with its line and column, in the order of the file. */
export function parseConfig(text: string): Loaded {
  const { config, problems } = examine(text)
  return { config, problems }
}

interface Examined extends Loaded {
  /** What further checks can look at. */
  readonly checkable: Checkable | undefined
  readonly place: (problem: Problem) => PlacedProblem
}

function examine(text: string): Examined {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, logLevel: 'error' })
  const place = (problem: Problem): PlacedProblem => ({ ...problem, ...positionOf(document.contents, problem, lines) })
  const broken = (problems: PlacedProblem[]): Examined => ({
    ...conclude(undefined, problems),
    checkable: undefined,
    place
  })
  if (document.errors.length > 0) {
    return broken(
      firstCauses(document.errors).map((error) => {
        const { line, col } = lines.linePos(error.pos[0])
        const message = yamlMessage(error.code, error.message)
        return { ...errorAt([], message), line: Math.max(1, line), column: Math.max(1, col) }
      })
    )
  }
  let raw: unknown
  try {
    // Aliases are for people; a document that multiplies itself by them is refused.
    raw = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    return broken([place(errorAt([], `cannot be expanded: ${messageOf(error)}`))])
  }
  if (raw === null || raw === undefined) {
    return broken([place(errorAt([], 'the file is empty: it needs at least `vrrp:` or `proxy:`'))])
  }
  const parsed = configSchema.safeParse(raw, { reportInput: true })
  const issues = parsed.success ? [] : parsed.error.issues
  const checkable = parsed.success ? wholeOf(raw, parsed.data) : soundOf(raw, issues)
  const crossed = checkable === undefined ? [] : crossCheck(checkable.config, checkable.written)
  const problems = [
    ...issues.flatMap(toProblems),
    ...crossed.map((problem) => ({ ...problem, path: checkable?.inFile(problem.path) ?? problem.path }))
  ]
  return { ...conclude(parsed.data, problems.map(place)), checkable, place }
}

/** The problems in the order of the file; without an error there is a configuration. */
function conclude(config: Config | undefined, problems: PlacedProblem[]): Loaded {
  const isRefused = problems.some((one) => one.severity === 'error')
  return { config: isRefused ? undefined : config, problems: inOrder(problems) }
}

/** After a tab the parser stumbles over every line that follows: told once. */
function firstCauses(errors: readonly YAMLParseError[]): readonly YAMLParseError[] {
  const tab = errors.findIndex((error) => error.code === 'TAB_AS_INDENT')
  return tab < 0 ? errors : errors.slice(0, tab + 1)
}

const inOrder = (problems: PlacedProblem[]): PlacedProblem[] =>
  problems.sort((a, b) => a.line - b.line || a.column - b.column)

function yamlMessage(code: string, message: string): string {
  const first = message.split('\n')[0] ?? message
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this key stands twice in one map: keep one of them'
    case 'TAB_AS_INDENT':
      return 'a tab cannot indent YAML: use spaces'
    case 'BAD_INDENT':
      return `broken YAML, the indentation does not fit: ${first}`
    default:
      return `broken YAML: ${first}`
  }
}

async function readBounded(file: string): Promise<string> {
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    if (size > MAX_FILE_BYTES) throw new Error(`larger than ${MAX_FILE_BYTES} bytes: this is no vipd configuration`)
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

function unreadable(error: unknown): string {
  switch (errnoOf(error)) {
    case 'ENOENT':
      return 'cannot be read: there is no such file: name another one, or have `vipd import` make it'
    case 'EACCES':
      return 'cannot be read: permission denied: whom vipd runs as must be able to read it (chown root:vipd, chmod 0640)'
    case 'EISDIR':
      return 'cannot be read: it is a directory: name a file in it'
    default:
      return `cannot be read: ${messageOf(error)}`
  }
}
