import { release as kernelRelease } from 'node:os'
import type { CommandModule } from 'yargs'
import type { Config } from '../config/schema.js'
import { configOption } from './options.js'

interface ReleaseOptions {
  readonly config: string
  readonly marked: boolean
}

/** `vipd release`: removes the addresses that a dead daemon left on the interfaces. Refuses while one is running. */
export const releaseCommand: CommandModule<object, ReleaseOptions> = {
  command: 'release',
  describe: 'Remove what a dead daemon left behind (for ExecStopPost=)',
  builder: (yargs) =>
    yargs.option('config', configOption).option('marked', {
      type: 'boolean',
      default: false,
      describe: 'Only addresses with vipd’s mark; the file is read only where the kernel keeps none'
    }),
  handler: async ({ config: path, marked }) => {
    const { release, releaseMarked } = await import('../daemon/release.js')
    const quick = marked ? await releaseMarked(process.env, kernelRelease()) : undefined
    const removed = quick ?? (await release(await configOrExplain(path), process.env))
    process.stdout.write(removed.length === 0 ? 'nothing to release\n' : `released ${removed.join(', ')}\n`)
  }
}

async function configOrExplain(path: string): Promise<Config | undefined> {
  const { loadConfig } = await import('../config/load.js')
  const { config, problems } = await loadConfig(path)
  if (config !== undefined) return config
  const [first] = problems
  process.stderr.write(`${path}: ${first?.message ?? 'not valid'}: only addresses with vipd's own mark are removed\n`)
  return undefined
}
