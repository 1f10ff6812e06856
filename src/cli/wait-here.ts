import { type Drained, type Left, waitForDrain } from './drain.js'

/** Waits for a drain on this terminal. */
export async function waitHere(timeoutMs: number, left: () => Promise<Left>): Promise<Drained> {
  const { setTimeout: sleep } = await import('node:timers/promises')
  const write = (text: string): void => void process.stdout.write(text)
  const isTerminal = process.stdout.isTTY === true
  return waitForDrain(timeoutMs, { left, now: () => performance.now(), sleep, write, isTerminal })
}
