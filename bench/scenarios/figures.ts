import { errorsOf } from '../load.js'
import type { Figure, Measured } from '../model.js'
import type { Loaded } from '../stand.js'

/** The figures of the data plane, and how they come from what a load did. */

const figure = (key: string, title: string, unit: string, better: Figure['better']): Figure => ({
  key,
  title,
  unit,
  better
})

const spent: readonly Figure[] = [
  figure('client_cpu_share', 'client’s share of the machine', '%', 'neither'),
  figure('busy_share', 'machine busy', '%', 'neither'),
  figure('errors', 'errors', '', 'lower')
]

/** For requests or connections: what one of them is called. */
export const figuresOf = (one: 'request' | 'connection' | 'handshake'): readonly Figure[] => [
  figure('rate', `${one}s/s`, '/s', 'higher'),
  figure('cpu_us', `proxy CPU a ${one}`, 'µs', 'lower'),
  figure('p50_us', 'p50', 'µs', 'lower'),
  figure('p99_us', 'p99', 'µs', 'lower'),
  figure('switches', `context switches of the proxy a ${one}`, '', 'lower'),
  ...spent
]

export const bulkFigures: readonly Figure[] = [
  figure('throughput_gbit', 'throughput', 'Gbit/s', 'higher'),
  figure('cpu_s_per_gb', 'proxy CPU', 'CPU-s/GB', 'lower'),
  ...spent
]

export const latencyFigures: readonly Figure[] = [
  figure('p50_us', 'p50', 'µs', 'lower'),
  figure('p99_us', 'p99', 'µs', 'lower'),
  figure('p999_us', 'p99.9', 'µs', 'lower'),
  figure('max_us', 'max', 'µs', 'lower'),
  figure('rate', 'requests/s, as told', '/s', 'neither'),
  figure('late_us', 'client late by at most', 'µs', 'neither'),
  ...spent
]

export const burstFigures: readonly Figure[] = [
  figure('p50_us', 'half of them answered', 'µs', 'lower'),
  figure('p99_us', '99 % answered', 'µs', 'lower'),
  figure('max_us', 'all answered', 'µs', 'lower'),
  figure('errors', 'not answered', '', 'lower')
]

export const memoryFigures: readonly Figure[] = [
  figure('bytes_per_session', 'resident memory a session', 'bytes', 'lower'),
  figure('pss_per_session', 'the same, shared pages in parts', 'bytes', 'lower'),
  figure('rss_idle_mib', 'resident before', 'MiB', 'neither'),
  figure('sessions', 'sessions', '', 'neither')
]

const percent = (share: number): number => Math.round(share * 1000) / 10

function common({ outcome, clientShare, busyShare }: Loaded): Record<string, number> {
  const errors = Object.values(outcome.errors).reduce((sum, count) => sum + count, 0)
  return { client_cpu_share: percent(clientShare), busy_share: percent(busyShare), errors }
}

/** Of requests, connections or handshakes. */
export function measuredRate(loaded: Loaded): Measured {
  const { outcome, cpuS, contextSwitches } = loaded
  if (outcome.done === 0) return { ok: false, problem: `no answer at all: ${errorsOf(outcome) ?? 'and no error'}` }
  const { p50, p99 } = outcome.latency_us
  return {
    ok: true,
    figures: {
      rate: outcome.rate,
      ...(cpuS !== undefined && { cpu_us: (cpuS * 1e6) / outcome.all_done }),
      p50_us: p50,
      p99_us: p99,
      ...(contextSwitches !== undefined && { switches: contextSwitches / outcome.all_done }),
      ...common(loaded)
    }
  }
}

export function measuredBulk(loaded: Loaded): Measured {
  const { outcome, cpuS } = loaded
  const bytes = outcome.bytes_in + outcome.bytes_out
  if (bytes === 0) return { ok: false, problem: `no byte at all: ${errorsOf(outcome) ?? 'and no error'}` }
  return {
    ok: true,
    figures: {
      throughput_gbit: (bytes * 8) / outcome.seconds / 1e9,
      ...(cpuS !== undefined && { cpu_s_per_gb: (cpuS * 1e9) / outcome.all_bytes }),
      ...common(loaded)
    }
  }
}

export function measuredLatency(loaded: Loaded): Measured {
  const { outcome } = loaded
  if (outcome.done === 0) return { ok: false, problem: `no answer at all: ${errorsOf(outcome) ?? 'and no error'}` }
  if (outcome.unsent > 0)
    return { ok: false, problem: `${outcome.unsent} requests were due and found no connection free` }
  const { p50, p99, p999, max } = outcome.latency_us
  const figures = { p50_us: p50, p99_us: p99, p999_us: p999, max_us: max, rate: outcome.rate, late_us: outcome.late_us }
  return { ok: true, figures: { ...figures, ...common(loaded) } }
}

/** @param connections how many were to be answered */
export function measuredBurst(loaded: Loaded, connections: number): Measured {
  const { outcome } = loaded
  const { p50, p99, max } = outcome.latency_us
  if (outcome.done === 0) return { ok: false, problem: `no answer at all: ${errorsOf(outcome) ?? 'and no error'}` }
  return { ok: true, figures: { p50_us: p50, p99_us: p99, max_us: max, errors: connections - outcome.done } }
}
