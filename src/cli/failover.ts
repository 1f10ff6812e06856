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
const MOST_MS = 86_400_000

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
  handler: async (options) => {
    const { instance, socket } = options
    const spans = spansOf(options)
    if (typeof spans === 'string') return misuse(spans)
    const { forMs, drainMs } = spans
    const { getStatus, postFailover } = await import('../admin/client.js')
    if (drainMs > 0) await drainFirst(instance, drainMs, () => getStatus(socket))
    const { instances } = await postFailover(socket, { instance: instance ?? null, for_ms: Math.round(forMs) })
    if (forMs === 0) {
      process.stdout.write(`${instances.join(', ')}: takes part as configured again\n`)
      return
    }
    const left = await untilOthersHaveIt(instances, forMs, () => getStatus(socket))
    if (left.length === 0) return
    const within = `within ${WAIT_MS / 1000}s: it goes on here until one does`
    process.stderr.write(`${left.join(', ')}: no other node took over ${within}\n`)
    process.exitCode = EXIT.failed
  }
}

/** How long it stays away (0: it comes back) and waits before it, in milliseconds; or what is wrong with that. */
function spansOf({
  for: span,
  back = false,
  drain = '0'
}: FailoverOptions): { readonly forMs: number; readonly drainMs: number } | string {
  const [forMs, drainMs] = [back ? 0 : parseDuration(span, 's'), parseDuration(drain, 's')]
  if (forMs === undefined || (!back && forMs < 1000) || forMs > MOST_MS)
    return '--for must be a duration from 1s to 1d, like 10m'
  if (drainMs === undefined || drainMs > MOST_MS) return '--drain must be a duration up to 1d, like 30s'
  if (drainMs > 0 && back) return '--drain does not belong to --back: nothing is handed over'
  return { forMs, drainMs }
}

/** Tells who is master when it is not this node any more. @returns instances that no other node took within the time */
async function untilOthersHaveIt(
  instances: readonly string[],
  forMs: number,
  look: () => Promise<Status>
): Promise<string[]> {
  const { setTimeout: sleep } = await import('node:timers/promises')
  for (const from = performance.now(); ; await sleep(LOOK_MS)) {
    const { vrrp } = await look()
    const own = vrrp.filter(({ name }) => instances.includes(name))
    const left = own.filter(({ state, master }) => state === 'MASTER' || master === null)
    const tookMs = performance.now() - from
    if (left.length > 0 && tookMs <= WAIT_MS) continue
    process.stdout.write(handedOver(vrrp, instances, formatDuration(forMs), tookMs))
    return left.map(({ name }) => name)
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
