import type { CommandModule } from 'yargs'
import type { Status } from '../admin/status.js'
import { formatDuration, parseDuration } from '../base/duration.js'
import { leftAt } from './drain.js'
import { EXIT } from './exit.js'
import { misuse } from './names.js'
import { socketOption } from './options.js'
import { waitHere } from './wait-here.js'

const LOOK_MS = 100
/** A peer of another make waits for three intervals and its skew, at the longest usual interval. */
const WAIT_MS = 15_000

interface FailoverOptions {
  readonly instance: string | undefined
  readonly for: string
  readonly back: boolean | undefined
  readonly drain: string | undefined
  readonly socket: string
}

/** `vipd failover`: hands mastership over on purpose, without a moment in which nobody has the address. */
export const failoverCommand: CommandModule<object, FailoverOptions> = {
  command: 'failover [instance]',
  describe: 'Hand mastership over to another node, and stay away for a while',
  builder: (yargs) =>
    yargs
      .positional('instance', { type: 'string', describe: 'A VRRP instance; all of them unless given' })
      .option('for', {
        type: 'string',
        default: '5m',
        requiresArg: true,
        describe: 'How long this node stays away, as long as another one is master'
      })
      .option('back', { type: 'boolean', describe: 'End it: take part as configured again' })
      .option('drain', {
        type: 'string',
        requiresArg: true,
        describe: 'Before it: wait until no session is open at the addresses, at most this long; what is left is reset'
      })
      .option('socket', socketOption)
      .example('$0 failover --for 30m', 'before this host is worked on')
      .example('$0 failover --back', 'afterwards')
      .epilogue(
        'It asks to be relieved (priority 1) and holds the address until another node has it. Where no other node takes over, it goes on.'
      ),
  handler: async ({ instance, for: span, back, drain, socket }) => {
    const forMs = back === true ? 0 : parseDuration(span, 's')
    if (forMs === undefined || (back !== true && forMs < 1000) || forMs > 86_400_000)
      return misuse('--for must be a duration from 1s to 1d, like 10m')
    const drainMs = drain === undefined ? 0 : parseDuration(drain, 's')
    if (drainMs === undefined || drainMs > 86_400_000) return misuse('--drain must be a duration up to 1d, like 30s')
    if (drainMs > 0 && back === true) return misuse('--drain does not belong to --back: nothing is handed over')
    const { getStatus, postFailover } = await import('../admin/client.js')
    if (drainMs > 0) await drainFirst(instance, drainMs, () => getStatus(socket))
    const { instances } = await postFailover(socket, { instance: instance ?? null, for_ms: Math.round(forMs) })
    if (back === true) {
      process.stdout.write(`${instances.join(', ')}: takes part as configured again\n`)
      return
    }
    const { setTimeout: sleep } = await import('node:timers/promises')
    const from = performance.now()
    let left: Status['vrrp'] = []
    for (;;) {
      const { vrrp } = await getStatus(socket)
      left = vrrp.filter((one) => instances.includes(one.name) && (one.state === 'MASTER' || one.master === null))
      if (left.length === 0 || performance.now() - from > WAIT_MS) {
        process.stdout.write(handedOver(vrrp, instances, formatDuration(forMs), performance.now() - from))
        break
      }
      await sleep(LOOK_MS)
    }
    if (left.length === 0) return
    const names = left.map(({ name }) => name).join(', ')
    process.stderr.write(
      `${names}: no other node took over within ${WAIT_MS / 1000}s: it goes on here until one does\n`
    )
    process.exitCode = EXIT.failed
  }
}

/** New connections are still taken: there is nobody else yet to take them. */
async function drainFirst(instance: string | undefined, ms: number, look: () => Promise<Status>): Promise<void> {
  const drained = await waitHere(ms, async () => {
    const status = await look()
    const names = status.vrrp.map(({ name }) => name).filter((name) => name === (instance ?? name))
    return names.length === 0 ? { kind: 'over', why: 'there is no such instance' } : leftAt(status, names)
  })
  if (drained.kind === 'late')
    process.stdout.write(`${drained.words} after ${formatDuration(ms)}, reset when the address goes\n`)
}

function handedOver(vrrp: Status['vrrp'], instances: readonly string[], span: string, tookMs: number): string {
  return vrrp
    .filter(({ name, state, master }) => instances.includes(name) && state !== 'MASTER' && master !== null)
    .map(
      ({ name, master }) =>
        `${name}: ${master?.address} is master (${(tookMs / 1000).toFixed(1)}s), this node stays away for ${span}\n`
    )
    .join('')
}
