/** Both legs of a session; both ends of a pipe. */
const PER_SESSION = 2
const PER_PIPE = 2
/** Pipes that a worker may hold: what its bulk transfers take, and no more than it can use. */
const MOST_PIPES = 288
/** Of what there is when it is scarce: a pipe makes a bulk transfer cheaper, a session is a client. */
const PIPES_SHARE = 0.1
/** epoll, netlink, VRRP, admin, logs, health checks and Node's own; and listeners and the like for each worker. */
const RESERVE = 128
const RESERVE_PER_WORKER = 16

const reserve = (threads: number): number => RESERVE + threads * RESERVE_PER_WORKER

/** What a limit of open descriptors is spent on. */
export interface Budget {
  /** Sessions at once over all services. */
  readonly sessions: number
  /** Pipes for each worker; without one a transfer is copied. */
  readonly pipes: number
}

/** Open descriptors that this many sessions at once need, with as many pipes as the workers can use. */
export const descriptorsFor = (maxconn: number, threads: number): number =>
  maxconn * PER_SESSION + threads * MOST_PIPES * PER_PIPE + reserve(threads)

/** How a limit of descriptors is best spent on sessions and pipes. At least one session. */
export function budget(maxconn: number, threads: number, descriptors: number): Budget {
  const free = Math.max(0, descriptors - reserve(threads))
  const forPipes = Math.min(threads * MOST_PIPES * PER_PIPE, free * PIPES_SHARE)
  const sessions = Math.max(1, Math.min(maxconn, Math.floor((free - forPipes) / PER_SESSION)))
  const left = free - sessions * PER_SESSION
  return { sessions, pipes: Math.max(0, Math.min(MOST_PIPES, Math.floor(left / (threads * PER_PIPE)))) }
}

/** What is to be said when fewer sessions fit than were asked for; undefined when they fit. */
export function shortage(wanted: number, threads: number, descriptors: number): string | undefined {
  const { sessions } = budget(wanted, threads, descriptors)
  if (sessions >= wanted) return undefined
  const needed = descriptorsFor(wanted, threads)
  return `maxconn ${wanted} needs ${needed} open files and this process may open ${descriptors}: ${sessions} sessions fit at once, more wait (raise LimitNOFILE=)`
}
