import type { CommandModule } from 'yargs'
import { EXIT } from './exit.js'
import { socketOption } from './options.js'

/** `vipd reload`: the daemon validates its file and tells what it found. This version applies changes by a restart. */
export const reloadCommand: CommandModule<object, { socket: string }> = {
  command: 'reload',
  describe: 'Validate the configuration of the running daemon',
  builder: (yargs) => yargs.option('socket', socketOption),
  handler: async ({ socket }) => {
    const { postReload } = await import('../admin/client.js')
    const { verdict, problems, changes } = await postReload(socket)
    for (const problem of problems) process.stderr.write(`${problem}\n`)
    switch (verdict) {
      case 'invalid':
        process.stderr.write('the file is not valid: nothing was changed\n')
        process.exitCode = EXIT.usage
        return
      case 'unchanged':
        process.stdout.write('the file says what is running: nothing to do\n')
        return
      case 'needs-restart':
        process.stdout.write(`${changes.map((change) => `  ${change}`).join('\n')}\n`)
        process.stderr.write(
          'the file is valid and not applied: this version needs a restart (systemctl restart vipd)\n'
        )
        process.exitCode = EXIT.failed
    }
  }
}
