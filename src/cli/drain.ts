import type { ServerName, Status } from '../admin/status.js'
import { span } from './text.js'

/** What is left of a server that drains. */
export type Left =
  | { readonly kind: 'sessions'; readonly count: number }
  /** It is not what was waited for: somebody gave another order, or it is gone. */
  | { readonly kind: 'over'; readonly why: string }

/** How far a server's drain has come, by a status. */
export function leftOf(status: Pick<Status, 'proxy'>, { service, server }: ServerName): Left {
  const found = status.proxy.find(({ name }) => name === service)
  const one = found?.servers.find(({ name }) => name === server)
  const leaving = found?.leaving.find(({ name }) => name === server)
  if (one === undefined) return { kind: 'sessions', count: leaving?.sessions ?? 0 }
  if (one.admin === 'ready') return { kind: 'over', why: `${service}/${server} was ordered ready meanwhile` }
  return { kind: 'sessions', count: one.sessions.current }
}

export const leftWords = (count: number): string => (count === 1 ? '1 session left' : `${count} sessions left`)

export interface WaitPorts {
  readonly left: () => Promise<Left>
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<unknown>
  readonly write: (text: string) => void
  /** The line is written anew in place. */
  readonly isTerminal: boolean
}

const LOOK_MS = 1000

/** Shows what is left each second until nothing is. @param name `SERVICE/SERVER` @returns why it ended before; undefined: it is drained */
export async function waitForDrain(name: string, timeoutMs: number, ports: WaitPorts): Promise<string | undefined> {
  const { now, write, isTerminal } = ports
  const since = now()
  let told = ''
  const end = (): void => {
    if (isTerminal && told !== '') write('\n')
  }
  for (;;) {
    const left = await ports.left()
    if (left.kind === 'over') {
      end()
      return left.why
    }
    const words = leftWords(left.count)
    // On a terminal one line that moves; else a line whenever the number is another.
    if (isTerminal) write(`\r\x1b[K${words}`)
    else if (words !== told) write(`${words}\n`)
    told = words
    if (left.count === 0) {
      end()
      return undefined
    }
    const restMs = since + timeoutMs - now()
    if (restMs <= 0) {
      end()
      const after = `${words} after ${span(Math.round(timeoutMs / 1000))}, ${name} drains on`
      return `${after}: \`vipd sessions --server ${name}\` shows them, \`vipd sessions kill --server ${name}\` ends them`
    }
    await ports.sleep(Math.min(LOOK_MS, restMs))
  }
}
