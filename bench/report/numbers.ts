import type { Figure } from '../model.js'
import type { Spread } from './stats.js'

/** Numbers as people read them: three digits that matter, and their unit. */

export function digits(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (size >= 1000) return Math.round(value).toLocaleString('en')
  if (size === 0 || Number.isInteger(value)) return String(value)
  return size >= 100
    ? value.toFixed(0)
    : size >= 10
      ? value.toFixed(1)
      : size >= 0.1
        ? value.toFixed(2)
        : value.toPrecision(2)
}

/** `17.2 µs`, `1.7 ms`, `52,100 /s`. */
export function withUnit(value: number, unit: string): string {
  if (unit === 'µs' && Math.abs(value) >= 1000) return withUnit(value / 1000, 'ms')
  if (unit === 'ms' && Math.abs(value) >= 10_000) return `${digits(value / 1000)} s`
  if (unit === '' || unit === '×') return digits(value)
  return unit === '/s' ? `${digits(value)}/s` : `${digits(value)} ${unit}`
}

/** `17.2 µs [16.9–17.8]`. */
export function spread(figure: Pick<Figure, 'unit'>, { median, low, high, count }: Spread): string {
  const isScaled = figure.unit === 'µs' && Math.abs(median) >= 1000
  const by = isScaled ? 1000 : 1
  const range = count > 1 && low !== high ? ` [${digits(low / by)}–${digits(high / by)}]` : ''
  return `${withUnit(median, figure.unit)}${range}`
}

/** `1.16 [1.12–1.19]`. */
export function ratio({ median, low, high, count }: Spread): string {
  const two = (value: number): string =>
    value >= 100 ? value.toFixed(0) : value >= 0.095 ? value.toFixed(2) : value.toPrecision(2)
  return count > 1 ? `${two(median)} [${two(low)}–${two(high)}]` : two(median)
}
