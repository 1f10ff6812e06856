import type { CommandModule } from 'yargs'
import { VipdError } from '../base/errors.js'
import { socketOption } from './options.js'

const LOOK_MS = 20
const ANSWER_MS = 10_000

/** `vipd upgrade`: a fresh process of the program that is installed now takes over; no connection is cut, no address moves. */
export const upgradeCommand: CommandModule<object, { socket: string }> = {
  command: 'upgrade',
  describe: 'Hand over to a fresh process of the program that is installed now: no connection is cut, no address moves',
  builder: (yargs) =>
    yargs
      .option('socket', socketOption)
      .epilogue(
        'The configuration is read anew, as a restart does. Whatever goes wrong before the new process has everything, the old one goes on.'
      ),
  handler: async ({ socket }) => {
    const { getStatus, postUpgrade } = await import('../admin/client.js')
    const { setTimeout: sleep } = await import('node:timers/promises')
    const { pid, sessions, took_ms } = await postUpgrade(socket)
    // It has everything; a moment later it answers, too.
    const until = performance.now() + ANSWER_MS
    for (;;) {
      const status = await getStatus(socket).catch(() => undefined)
      if (status?.pid === pid) break
      if (performance.now() > until) throw new VipdError('TIMEOUT', `process ${pid} has taken over and does not answer`)
      await sleep(LOOK_MS)
    }
    process.stdout.write(`process ${pid} has taken over, ${sessions} sessions with it, within ${took_ms} ms\n`)
  }
}
