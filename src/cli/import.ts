import type { CommandModule } from 'yargs'
import type { ImportOptions } from './importing.js'

/** `vipd import`: the old files in, YAML on stdout or in a file, the report on stderr. 0 done, 1 it failed, 2 not understood. */
export const importCommand: CommandModule<object, ImportOptions> = {
  command: 'import',
  describe: 'Turn keepalived.conf and haproxy.cfg into a vipd configuration',
  builder: (args) =>
    args
      .option('keepalived', { type: 'string', requiresArg: true, describe: 'The keepalived.conf to read' })
      .option('haproxy', { type: 'string', requiresArg: true, describe: 'The haproxy.cfg to read' })
      .option('output', { alias: 'o', type: 'string', requiresArg: true, describe: 'Write here instead of stdout' })
      .option('force', { type: 'boolean', default: false, describe: 'Overwrite the output file if it exists' })
      .option('diff', {
        type: 'boolean',
        default: false,
        describe: 'Lay the old files and the new one side by side on stdout'
      })
      .example(
        'vipd import --keepalived /etc/keepalived/keepalived.conf --haproxy /etc/haproxy/haproxy.cfg -o vipd.yaml',
        ''
      ),
  handler: async (options) => {
    const { runImport } = await import('./importing.js')
    process.exitCode = await runImport(options)
  }
}
