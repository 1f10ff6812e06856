import { readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** What is kept is good for this long: the lease of the addresses has ended by then. */
export const KEPT_MS = 15_000

/** Where the mark is: in the service's own folder, which `vipd release` knows without the configuration, else beside the admin socket. */
export const markFolder = (environment: NodeJS.ProcessEnv, socket: string): string =>
  runtimeFolder(environment) ?? dirname(socket)

/** RuntimeDirectory= of the service that this process is of (systemd.exec(5)). */
export const runtimeFolder = (environment: NodeJS.ProcessEnv): string | undefined =>
  environment['RUNTIME_DIRECTORY']?.split(':')[0] || undefined

const markIn = (folder: string): string => join(folder, 'vipd.restarting')

/** Says to `vipd release`, which comes in between, that the addresses are not left behind. */
export const leaveMark = (folder: string, nowMs: number): Promise<void> =>
  writeFile(markIn(folder), String(Math.floor(nowMs)), { mode: 0o600 })
export const removeMark = (folder: string): Promise<void> => rm(markIn(folder), { force: true })

/** Whether a process has just left its addresses to the next one. @param nowMs monotonic */
export async function isMarked(folder: string, nowMs: number): Promise<boolean> {
  const text = await readFile(markIn(folder), 'utf8').catch(() => '')
  const ageMs = nowMs - Number(text)
  return text !== '' && ageMs >= 0 && ageMs < KEPT_MS
}
