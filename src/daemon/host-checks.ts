import { splitCommand } from '../os/exec.js'
import { keyProblem } from '../os/keys.js'
import { programProblem } from '../os/safe-program.js'

/** What a configuration names on this host, and whether it is fit for use. */
export const hostChecks = { programProblem, splitCommand, keyProblem }
