import type { HostChecks } from '../config/host-rules.js'
import { splitCommand } from '../os/exec.js'
import { keyProblem } from '../os/keys.js'
import { programProblem } from '../os/safe-program.js'
import { canChangeUser, scriptUser } from '../os/users.js'

/** What a configuration names on this host, and whether it is fit for use. */
export const hostChecks: HostChecks = {
  splitCommand,
  keyProblem,
  async programProblem(path, user) {
    // Where every program runs as ourselves, nobody has to be looked up.
    if (!canChangeUser()) return programProblem(path)
    const found = await scriptUser(user)
    if (found === undefined) return `there is no user ${user ?? 'nobody'} to run ${path} as: name one that exists`
    return programProblem(path, found.uid)
  }
}
