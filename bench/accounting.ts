import { readdirSync, readFileSync } from 'node:fs'

/** What processes have used, from /proc. The kernel's work in softirqs counts for whoever it interrupts, or for nobody. */

/** USER_HZ: 100 on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100

export interface Used {
  /** User and kernel, all threads, in seconds. */
  readonly cpuS: number
  readonly userS: number
  readonly contextSwitches: number
}

/** Of these processes together, threads that have ended included; a process that has ended counts nothing. */
export function used(pids: readonly number[]): Used {
  let [cpuS, userS, contextSwitches] = [0, 0, 0]
  for (const pid of pids) {
    const stat = read(`/proc/${pid}/stat`)
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [user, kernel] = [Number(fields[11] ?? 0), Number(fields[12] ?? 0)]
    cpuS += (user + kernel) / TICKS_PER_SECOND
    userS += user / TICKS_PER_SECOND
    for (const task of tasksOf(pid)) {
      const status = read(`/proc/${pid}/task/${task}/status`)
      for (const found of status.matchAll(/ctxt_switches:\s+(\d+)/g)) contextSwitches += Number(found[1])
    }
  }
  return { cpuS, userS, contextSwitches }
}

export interface Memory {
  readonly rssBytes: number
  /** Shared pages count in parts. */
  readonly pssBytes: number
}

/** Of these processes together. */
export function memory(pids: readonly number[]): Memory {
  const sum = (name: string): number =>
    pids.reduce((all, pid) => all + kibibytes(read(`/proc/${pid}/smaps_rollup`), name) * 1024, 0)
  return { rssBytes: sum('Rss'), pssBytes: sum('Pss') }
}

/** This process and all that descend from it. */
export function familyOf(pid: number): number[] {
  const children = tasksOf(pid).flatMap((task) => read(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean))
  return [pid, ...children.flatMap((child) => familyOf(Number(child)))]
}

/** Seconds in which the machine's cores worked since it started, all of them together. */
export function machineBusyS(): number {
  const [first = ''] = read('/proc/stat').split('\n')
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = first.split(/\s+/).slice(1).map(Number)
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND
}

function kibibytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0)
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
