import type { Stats } from 'node:fs'
import { lstat, readlink } from 'node:fs/promises'
import { errnoOf, messageOf } from '../base/errors.js'
import { PROGRAM_PATH } from './exec.js'

/** As the kernel follows them. */
const MAX_LINKS = 40
const [ANYBODY_WRITES, OTHERS_WRITE, STICKY, EXECUTABLE] = [0o022, 0o002, 0o1000, 0o111]

/**
 * Why a program must not be run (keepalived's enable_script_security, always on): somebody who should not could change
 * what runs. Every folder on the way counts, that of a symbolic link too.
 * @param program its absolute path, or a name alone: that is looked for where `run` does
 * @param runsAsUid who it runs as, where that is known: for root, all of the path must be root's
 * @returns one sentence with the mend, or undefined when it may run
 */
export async function programProblem(program: string, runsAsUid?: number): Promise<string | undefined> {
  if (program.startsWith('/')) return pathProblem(program, runsAsUid)
  if (program.includes('/')) return `${program} is not an absolute path: write it from / on`
  for (const folder of PROGRAM_PATH.split(':')) {
    const path = `${folder}/${program}`
    if (await exists(path)) return pathProblem(path, runsAsUid)
  }
  return `there is no program ${program} in ${PROGRAM_PATH}: install it, or write its whole path`
}

/** Walks from / on as the kernel does, one name at a time. */
async function pathProblem(path: string, runsAsUid: number | undefined): Promise<string | undefined> {
  const left = namesOf(path)
  let at = ''
  let links = 0
  try {
    const root = folderProblem('/', await lstat('/'), runsAsUid)
    if (root !== undefined) return root
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      if (name === '..') {
        at = at.slice(0, at.lastIndexOf('/'))
        continue
      }
      const here = `${at}/${name}`
      const found = await lstat(here)
      if (found.isSymbolicLink()) {
        if (++links > MAX_LINKS) return `${path} is a circle of symbolic links`
        const target = await readlink(here)
        if (target.startsWith('/')) at = ''
        left.unshift(...namesOf(target))
        continue
      }
      at = here
      if (left.length === 0) return fileProblem(at, found, runsAsUid)
      const problem = found.isDirectory() ? folderProblem(at, found, runsAsUid) : `${at} is not a folder`
      if (problem !== undefined) return problem
    }
    return `${path} is not a file`
  } catch (error) {
    const isMissing = errnoOf(error) === 'ENOENT'
    return isMissing ? `${path} does not exist` : `${path} cannot be looked at: ${errnoOf(error) || messageOf(error)}`
  }
}

function folderProblem(path: string, { mode, uid }: Stats, runsAsUid: number | undefined): string | undefined {
  const isOpen = (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0
  if (isOpen) return `${path} is a folder that everybody may write to, so anybody could replace it: chmod o-w ${path}`
  return ownerProblem(path, uid, runsAsUid)
}

function fileProblem(path: string, found: Stats, runsAsUid: number | undefined): string | undefined {
  if (!found.isFile()) return `${path} is not a file`
  if ((found.mode & EXECUTABLE) === 0) return `${path} is not executable: chmod +x ${path}`
  if ((found.mode & ANYBODY_WRITES) !== 0)
    return `${path} may be written to by others than its owner: chmod go-w ${path}`
  return ownerProblem(path, found.uid, runsAsUid)
}

const ownerProblem = (path: string, owner: number, runsAsUid: number | undefined): string | undefined =>
  runsAsUid === 0 && owner !== 0
    ? `${path} belongs to user ${owner}, who could have anything run as root: chown root ${path}`
    : undefined

const namesOf = (path: string): string[] => path.split('/').filter((name) => name !== '' && name !== '.')

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false
  )
