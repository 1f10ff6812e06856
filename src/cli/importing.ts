import { open, writeFile } from 'node:fs/promises'
import { errnoOf, messageOf } from '../base/errors.js'
import { type Conversion, convert, MAX_SOURCE_BYTES, type Source } from '../config/import/convert.js'
import { formatReport } from '../config/import/report.js'
import { importDiff } from './import-diff.js'

/** Where stdout is no terminal. */
const DIFF_COLUMNS = 140

export interface ImportOptions {
  readonly keepalived: string | undefined
  readonly haproxy: string | undefined
  readonly output: string | undefined
  readonly force: boolean
  readonly diff?: boolean
}

/** The command without yargs; its exit code. */
export async function runImport({
  keepalived,
  haproxy,
  output,
  force,
  diff = false
}: ImportOptions): Promise<0 | 1 | 2> {
  if (keepalived === undefined && haproxy === undefined) {
    say('vipd import: give it a file: --keepalived FILE, --haproxy FILE, or both\n')
    return 2
  }
  const sources = [await readSource(keepalived), await readSource(haproxy)] as const
  if (sources.some((one) => one === 'unreadable')) return 1
  const [first, second] = sources.map((one) => (one === 'unreadable' ? undefined : one))
  const conversion = convert(first, second)
  say(formatReport(conversion.notes, conversion.carried, { colour: process.stderr.isTTY === true }))
  switch (conversion.outcome) {
    case 'done':
      if (diff) showDiff(first, second, conversion)
      // Two things on stdout could not be told apart by a program.
      return diff && output === undefined ? 0 : await deliver(conversion, output, force)
    case 'refused':
      return 1
    case 'unreadable':
      return 2
  }
}

function showDiff(keepalived: Source | undefined, haproxy: Source | undefined, conversion: Conversion): void {
  const sources = [keepalived, haproxy].filter((one) => one !== undefined)
  const { isTTY, columns } = process.stdout
  const isColoured = isTTY === true && !process.env['NO_COLOR']
  process.stdout.write(importDiff(sources, conversion, { columns: columns ?? DIFF_COLUMNS, isColoured }))
}

const say = (text: string): void => {
  process.stderr.write(text)
}

/** The file's text; 'unreadable' after it has been said why. */
async function readSource(path: string | undefined): Promise<Source | 'unreadable' | undefined> {
  if (path === undefined) return undefined
  try {
    const handle = await open(path, 'r')
    try {
      const { size } = await handle.stat()
      if (size > MAX_SOURCE_BYTES) throw new Error('it is longer than 1 MiB: this is no configuration file')
      return { path, text: await handle.readFile('utf8') }
    } finally {
      await handle.close()
    }
  } catch (error) {
    say(`vipd import: cannot read ${path}: ${reason(error)}\n`)
    return 'unreadable'
  }
}

async function deliver({ yaml }: Conversion, output: string | undefined, force: boolean): Promise<0 | 1> {
  if (output === undefined) {
    process.stdout.write(yaml)
    return 0
  }
  try {
    // There may be a password in it.
    await writeFile(output, yaml, { flag: force ? 'w' : 'wx', mode: 0o640 })
    return 0
  } catch (error) {
    say(`vipd import: cannot write ${output}: ${reason(error)}\n`)
    return 1
  }
}

function reason(error: unknown): string {
  switch (errnoOf(error)) {
    case 'ENOENT':
      return 'there is no such file or directory'
    case 'EACCES':
      return 'permission denied'
    case 'EISDIR':
      return 'it is a directory'
    case 'EEXIST':
      return 'it exists already: choose another name, or add --force to overwrite it'
    default:
      return messageOf(error)
  }
}
