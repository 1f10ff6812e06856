import { z } from 'zod'
import { program } from './native.js'

/** The load client (`bench/native/load.cc`): what it is told, and what it says. */

export type Work =
  | { readonly mode: 'requests'; readonly connections: number; readonly bytes: number }
  | {
      readonly mode: 'connections'
      readonly concurrency: number
      readonly bytes: number
      readonly close: 'client' | 'server'
    }
  | { readonly mode: 'rate'; readonly connections: number; readonly bytes: number; readonly perSecond: number }
  | { readonly mode: 'bulk'; readonly streams: number; readonly direction: 'down' | 'up' | 'both' }
  | { readonly mode: 'idle'; readonly connections: number }
  | { readonly mode: 'burst'; readonly connections: number }

export interface LoadOptions {
  /** `A.B.C.D:PORT`; connections go to them in turn. */
  readonly to: readonly string[]
  /** Source addresses, for more ports than one has. */
  readonly from?: readonly string[]
  readonly threads: number
  readonly seconds: number
  /** Before it counts. */
  readonly warmS?: number
  readonly isTls?: boolean
}

const outcome = z.object({
  ok: z.literal(true),
  done: z.number(),
  seconds: z.number(),
  rate: z.number(),
  bytes_in: z.number(),
  bytes_out: z.number(),
  open: z.number(),
  latency_us: z.object({ p50: z.number(), p99: z.number(), p999: z.number(), max: z.number() }),
  samples: z.number(),
  errors: z.record(z.string(), z.number()),
  all_done: z.number(),
  all_bytes: z.number(),
  unsent: z.number(),
  late_us: z.number(),
  cpu_s: z.number()
})
const said = z.union([outcome, z.object({ ok: z.literal(false), problem: z.string() })])

export type Outcome = z.infer<typeof outcome>
export type Said = z.infer<typeof said>

/** The command line for it. */
export function loadArgv(work: Work, options: LoadOptions): string[] {
  const { to, from = [], threads, seconds, warmS = 0, isTls = false } = options
  return [
    program('load'),
    ...words(work),
    ...to.flatMap((at) => ['--to', at]),
    ...from.flatMap((at) => ['--from', at]),
    ...['--threads', String(threads), '--seconds', String(seconds), '--warm', String(warmS)],
    ...(isTls ? ['--tls'] : [])
  ]
}

function words(work: Work): string[] {
  switch (work.mode) {
    case 'requests':
      return ['requests', '--connections', String(work.connections), '--bytes', String(work.bytes)]
    case 'connections': {
      const { concurrency, bytes, close } = work
      return ['connections', '--concurrency', String(concurrency), '--bytes', String(bytes), '--close', close]
    }
    case 'rate': {
      const { connections, bytes, perSecond } = work
      const many = ['--connections', String(connections), '--bytes', String(bytes)]
      return ['rate', ...many, '--per-second', String(perSecond)]
    }
    case 'bulk':
      return ['bulk', '--streams', String(work.streams), '--direction', work.direction]
    case 'idle':
    case 'burst':
      return [work.mode, '--connections', String(work.connections)]
  }
}

/** Its line. */
export function decodeLoad(line: string): Said {
  try {
    return said.parse(JSON.parse(line))
  } catch {
    return { ok: false, problem: `the load client said: ${line.slice(0, 200) || 'nothing'}` }
  }
}

/** Errors in words, or undefined where there was none: `3 reset, 1 refused`. */
export function errorsOf(said: Outcome): string | undefined {
  const told = Object.entries(said.errors).filter(([, count]) => count > 0)
  return told.length === 0 ? undefined : told.map(([kind, count]) => `${count} ${kind}`).join(', ')
}
