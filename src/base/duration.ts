const UNIT_MS = { us: 1e-3, ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 } as const

export type DurationUnit = keyof typeof UNIT_MS

const isUnit = (text: string): text is DurationUnit => text in UNIT_MS

/**
 * A duration as keepalived's and haproxy's users write it: '5s', '500ms', '1m', '2.5s', '0.5'.
 * @param bareUnit what a bare number means: seconds in keepalived, milliseconds in haproxy
 * @returns milliseconds, or undefined when it is no duration (signs, spaces inside and exponents are none)
 */
export function parseDuration(text: string | number, bareUnit: DurationUnit): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(us|ms|s|m|h|d)?$/.exec(String(text).trim())
  if (match === null) return undefined
  const unit = match[2] ?? bareUnit
  if (!isUnit(unit)) return undefined
  // 0.1 * 1000 and its kin: keep microseconds, drop binary noise.
  return Math.round(Number(match[1]) * UNIT_MS[unit] * 1e3) / 1e3
}

/** The shortest way to write it: 1000 → '1s', 1500 → '1500ms', 900000 → '15m'. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (ms >= UNIT_MS[unit] && ms % UNIT_MS[unit] === 0) return `${ms / UNIT_MS[unit]}${unit}`
  }
  return Number.isInteger(ms) ? `${ms}ms` : `${Math.round(ms * 1e3)}us`
}
