import { effective, type Server, weightOf } from './pool.js'
import { reasonOf } from './reasons.js'

/** What became of an order. */
export interface OrderVerdict {
  /** UP, DRAIN, DOWN or MAINT. */
  readonly status: string
  /** In words. */
  readonly detail: string
}

/** @param name `SERVICE/SERVER` */
export function verdictOf(server: Server, name: string, sessions: number): OrderVerdict {
  const status = effective(server)
  const reason = reasonOf(server, name, false)
  const left = sessions === 1 ? '1 session left' : `${sessions} sessions left`
  const parts = [
    ...(reason === null ? [] : [reason]),
    ...(status === 'DRAIN' ? [left] : []),
    ...(status === 'UP' ? [`weight ${rounded(weightOf(server))}`] : []),
    ...(server.admin.weight === null ? [] : [`${server.config.weight} is configured`])
  ]
  return { status, detail: parts.join('; ') }
}

const rounded = (number: number): number => Math.round(number * 100) / 100
