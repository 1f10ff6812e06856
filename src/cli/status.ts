import type { CommandModule } from 'yargs'
import { socketOption } from './options.js'

/** `vipd status`: the whole picture of this node, as a table, as JSON, or again every second. */
export const statusCommand: CommandModule<
  object,
  { socket: string; json: boolean | undefined; watch: boolean | undefined }
> = {
  command: 'status',
  describe: 'Show the virtual addresses, the election, the services and their servers',
  builder: (yargs) =>
    yargs
      .option('socket', socketOption)
      .option('json', { type: 'boolean', describe: 'The same as JSON' })
      .option('watch', { type: 'boolean', describe: 'Again every second, until Ctrl-C' })
      .conflicts('json', 'watch'),
  handler: async ({ socket, json, watch }) => {
    const [{ getStatus }, { statusTable }] = await Promise.all([import('../admin/client.js'), import('./table.js')])
    if (json === true) {
      process.stdout.write(`${JSON.stringify(await getStatus(socket), null, 2)}\n`)
      return
    }
    const isColoured = process.stdout.isTTY === true && !process.env['NO_COLOR']
    const draw = async (): Promise<string> => statusTable(await getStatus(socket), { isColoured, now: Date.now() })
    if (watch === true) {
      const { watch: again } = await import('./watch.js')
      return again(draw)
    }
    process.stdout.write(await draw())
  }
}
