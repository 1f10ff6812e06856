import type { CommandModule } from 'yargs'
import { EXIT } from './exit.js'
import { loadOrExplain } from './load.js'
import { configOption, ownSocketOption } from './options.js'

const LISTEN_S = 5

/** `vipd doctor`: looks at this host and says what will hurt, why, and how to mend it; exit 1 if anything is wrong already. */
export const doctorCommand: CommandModule<
  object,
  { config: string; socket: string | undefined; json: boolean | undefined; listen: number }
> = {
  command: 'doctor',
  describe: 'Look at this host: what will hurt, why, and how to mend it',
  builder: (yargs) =>
    yargs
      .option('config', { ...configOption, demandOption: false, default: '/etc/vipd/vipd.yaml' })
      .option('socket', ownSocketOption)
      .option('listen', {
        type: 'number',
        default: LISTEN_S,
        requiresArg: true,
        describe: 'Seconds to listen to the links for adverts and ARP'
      })
      .option('json', { type: 'boolean', describe: 'The findings as JSON' })
      .check(({ listen }) => {
        if (!(listen >= 0.1 && listen <= 60)) throw new Error('--listen is a number of seconds from 0.1 to 60')
        return true
      }),
  handler: async ({ config: file, socket, json, listen }) => {
    const ready = await loadOrExplain(file)
    if (ready === undefined) return
    const [{ diagnose, openFiles }, { describeShortage }, { getStatus }, { doctorText }] = await Promise.all([
      import('../doctor/doctor.js'),
      import('../daemon/host.js'),
      import('../admin/client.js'),
      import('./doctor-text.js')
    ])
    // Whether one runs is no fault here.
    const ownPid = await getStatus(socket ?? ready.config.admin.socket).then(
      (status) => status.pid,
      () => undefined
    )
    const isTerminal = process.stdout.isTTY === true
    if (isTerminal && json !== true) process.stderr.write(`listening for ${listen} s …\r`)
    const shortage = describeShortage(ready.config, await openFiles(ownPid))
    const diagnosis = await diagnose(ready.config, { listenMs: listen * 1000, ownPid, shortage })
    if (isTerminal && json !== true) process.stderr.write('\r\x1b[K')
    const isColoured = isTerminal && !process.env['NO_COLOR']
    const report = json === true ? `${JSON.stringify({ schema: 1, config: file, ...diagnosis }, null, 2)}\n` : undefined
    process.stdout.write(report ?? doctorText(file, diagnosis, isColoured))
    if (diagnosis.findings.some(({ level }) => level === 'error')) process.exitCode = EXIT.failed
  }
}
