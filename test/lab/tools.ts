import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { atExit } from './cleanup.js'
import { namespaceName } from './namespaces.js'

const built = new Map<string, string>()
let folder: string | undefined

/** A C program of the lab (`test/lab/NAME.c`), compiled once for each run. @returns where it is */
export function tool(name: 'judge' | 'neighbour'): string {
  const known = built.get(name)
  if (known !== undefined) return known
  const into = toolFolder()
  const program = join(into, name)
  const source = fileURLToPath(new URL(`../../../test/lab/${name}.c`, import.meta.url))
  execFileSync('g++', ['-x', 'c', '-O1', '-Wall', '-o', program, source], { timeout: 30_000 })
  built.set(name, program)
  return program
}

function toolFolder(): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), `${namespaceName('tools')}-`))
    atExit(() => rmSync(made, { recursive: true, force: true }))
    folder = made
  }
  return folder
}
