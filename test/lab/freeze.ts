import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Child } from './child.js'
import type { Lab } from './lab.js'

const source = fileURLToPath(new URL('../../../test/lab/freeze-thread.c', import.meta.url))

/** Stops those threads of a process whose name matches, and no other, until what is returned is stopped. */
export async function freezeThreads(lab: Lab, pid: number, name: RegExp): Promise<Child> {
  const threads = readdirSync(`/proc/${pid}/task`).filter((id) => name.test(threadName(pid, id)))
  if (threads.length === 0) throw new Error(`no thread ${name} in ${pid}`)
  const program = join(lab.folder, 'freeze-thread')
  if (!existsSync(program)) execFileSync('g++', ['-x', 'c', '-o', program, source], { timeout: 30_000 })
  const freezer = lab.ending(new Child([program, ...threads]))
  await freezer.line(/frozen/, 5000)
  return freezer
}

function threadName(pid: number, id: string): string {
  return readFileSync(`/proc/${pid}/task/${id}/comm`, 'utf8').trim()
}
