import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../base/errors.js'
import { printable } from './text.js'

const EVERY_MS = 1000

/**
 * Draws in place each second, until Ctrl-C. What fails at the start is thrown; later it is shown and tried again, so that
 * a restart can be watched.
 */
export async function watch(draw: () => Promise<string>): Promise<never> {
  let picture = await draw()
  for (;;) {
    // Each line to its end, then the rest of the screen: no flicker.
    process.stdout.write(`\x1b[H${picture.replaceAll('\n', '\x1b[K\n')}\x1b[J`)
    await sleep(EVERY_MS)
    picture = await draw().catch((error: unknown) => `${printable(messageOf(error))}\ntrying again each second\n`)
  }
}
