import type { SessionLog } from './subject.js'

/** Words for what was seen that do not change from run to run. */

export interface Bounds {
  /** How much sooner is still so. @default 0.1 s and a twentieth */
  readonly sooner?: number
  /** How much later: the machine may be busy. @default 0.7 s and a fifth */
  readonly later?: number
}

/** '1 s' where it took about that long, else what it took. Seconds. */
export function about(ms: number, seconds: number, bounds: Bounds = {}): string {
  const { sooner = 0.1 + seconds / 20, later = 0.7 + seconds / 5 } = bounds
  const took = ms / 1000
  const isSo = took >= seconds - sooner && took <= seconds + later
  return isSo
    ? `about ${seconds} s`
    : `${took.toFixed(2)} s (about ${seconds} s: ${(seconds - sooner).toFixed(2)} to ${(seconds + later).toFixed(2)})`
}

/** 'at once' where it took less than this; half a second unless said. */
export function atOnce(ms: number, mostMs = 500): string {
  return ms <= mostMs ? 'at once' : `after ${(ms / 1000).toFixed(2)} s`
}

/** 'yes', or 'no' with what was seen. */
export const yes = (isSo: boolean, seen = ''): string => (isSo ? 'yes' : `no${seen === '' ? '' : `: ${seen}`}`)

/** How the log tells of a session: state, server, retries. */
export function logged(log: SessionLog): string {
  const tries = log.retries === 0 ? '' : `, ${log.retries} ${log.retries === 1 ? 'retry' : 'retries'}`
  return `${log.termination} ${log.server === '' ? 'no server' : log.server}${tries}${log.isRedispatched ? ', redispatched' : ''}`
}

/** 'a 3, b 2': how often each stands there. */
export function tally(words: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts]
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([word, count]) => `${word} ${count}`)
    .join(', ')
}
