import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { errnoOf, messageOf } from '../base/errors.js'
import type { HostChecks } from '../config/host-rules.js'
import { splitCommand } from '../os/exec.js'
import { keyProblem } from '../os/keys.js'
import { programProblem } from '../os/safe-program.js'
import { canChangeUser, scriptUser } from '../os/users.js'

/** What a configuration names on this host, and whether it is fit for use. */
export const hostChecks: HostChecks = {
  splitCommand,
  keyProblem,
  fileProblem,
  async programProblem(path, user) {
    // Where every program runs as ourselves, nobody has to be looked up.
    if (!canChangeUser()) return programProblem(path)
    const found = await scriptUser(user)
    if (found === undefined) return `there is no user ${user ?? 'nobody'} to run ${path} as: name one that exists`
    return programProblem(path, found.uid)
  }
}

async function fileProblem(path: string): Promise<string | undefined> {
  const why = await unreadable(path)
  return why === undefined ? undefined : `${path} ${why}: the check fails until it can be read`
}

async function unreadable(path: string): Promise<string | undefined> {
  try {
    // NONBLOCK: opening a pipe that nobody writes to would hang.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      return (await handle.stat()).isFile() ? undefined : 'is not a regular file'
    } finally {
      await handle.close()
    }
  } catch (error) {
    switch (errnoOf(error)) {
      case 'ENOENT':
        return 'is not there'
      case 'EACCES':
        return 'may not be read by this user'
      default:
        return `cannot be read (${messageOf(error)})`
    }
  }
}
