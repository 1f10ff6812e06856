import { readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** What is kept is good for this long: the lease of the addresses has ended by then. */
export const KEPT_MS = 15_000

/** Says to `vipd release`, which comes in between, that the addresses are not left behind. */
const markOf = (socket: string): string => join(dirname(socket), 'vipd.restarting')

export const leaveMark = (socket: string, nowMs: number): Promise<void> =>
  writeFile(markOf(socket), String(Math.round(nowMs)), { mode: 0o600 })
export const removeMark = (socket: string): Promise<void> => rm(markOf(socket), { force: true })

/** Whether a process has just left its addresses to the next one. @param nowMs monotonic */
export async function isMarked(socket: string, nowMs: number): Promise<boolean> {
  const text = await readFile(markOf(socket), 'utf8').catch(() => '')
  const ageMs = nowMs - Number(text)
  return text !== '' && ageMs >= 0 && ageMs < KEPT_MS
}
