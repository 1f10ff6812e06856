import { fileURLToPath } from 'node:url'
import type { Child } from '../lab/child.js'
import { vip, vipPort } from '../lab/lab.js'
import type { Kind } from './kind.js'

/** Clients that do harm; whoever is master has them. */

function crowd(name: string, how: string, count: number): Kind {
  return {
    name,
    of: (_, { lab }) => {
      let child: Child | undefined
      return {
        begin: () => {
          const program = fileURLToPath(new URL('../lab/crowd.js', import.meta.url))
          const argv = [process.execPath, program, vip, String(vipPort), how, String(count)]
          child = lab.start(lab.client, argv, { keep: 10 })
        },
        end: async () => void (await child?.stop('SIGKILL'))
      }
    }
  }
}

export const crowdKinds: readonly Kind[] = [
  crowd('slow-loris: 300 clients say a byte a second', 'loris', 300),
  crowd('a storm of resets', 'reset', 400),
  crowd('clients that send and never read', 'deaf', 50)
]
