import type { CommandModule } from 'yargs'
import { EXIT } from './exit.js'
import { socketOption } from './options.js'

/** `vipd reload`: the daemon validates its file, applies it in place and tells what takes a restart. */
export const reloadCommand: CommandModule<object, { socket: string }> = {
  command: 'reload',
  describe: 'Have the running daemon validate its file and apply what it can without a restart',
  builder: (yargs) => yargs.option('socket', socketOption),
  handler: async ({ socket }) => {
    const { postReload } = await import('../admin/client.js')
    const { verdict, problems, applied, changes } = await postReload(socket)
    for (const problem of problems) process.stderr.write(`${problem}\n`)
    switch (verdict) {
      case 'invalid':
        process.stderr.write('the file is not valid: nothing was changed\n')
        process.exitCode = EXIT.usage
        return
      case 'unchanged':
        process.stdout.write('the file says what is running: nothing to do\n')
        return
      case 'applied':
        process.stdout.write(listed('applied', applied))
        return
      case 'needs-restart':
        process.stdout.write(`${listed('applied', applied)}${listed('after a restart', changes)}`)
        process.stderr.write('the rest of the file is valid and needs a restart: systemctl restart vipd\n')
        process.exitCode = EXIT.failed
    }
  }
}

export const listed = (title: string, changes: readonly string[]): string =>
  changes.length === 0 ? '' : `${title}:\n${changes.map((change) => `  ${change}\n`).join('')}`
