/** Both legs of a session. */
const PER_SESSION = 2
/** Two ends of each pipe; a worker lends at most 256 at once and keeps 32 idle ones (native/src/pump.cc). */
const PIPES_PER_WORKER = 2 * (256 + 32)
/** Listeners, epoll, netlink, VRRP, admin, logs, health checks and Node's own. */
const RESERVE = 512

const fixed = (threads: number): number => RESERVE + threads * PIPES_PER_WORKER

/** Open descriptors that this many sessions at once may need. */
export const descriptorsFor = (maxconn: number, threads: number): number => maxconn * PER_SESSION + fixed(threads)

/** Sessions at once that fit into a limit of open descriptors; at least one. */
export const sessionsWithin = (descriptors: number, threads: number): number =>
  Math.max(1, Math.floor((descriptors - fixed(threads)) / PER_SESSION))

/** What is to be said when fewer sessions fit than were asked for; undefined when they fit. */
export function shortage(wanted: number, threads: number, descriptors: number): string | undefined {
  const fits = sessionsWithin(descriptors, threads)
  if (fits >= wanted) return undefined
  const needed = descriptorsFor(wanted, threads)
  return `maxconn ${wanted} needs ${needed} open files and this process may open ${descriptors}: ${fits} sessions fit at once, more wait (raise LimitNOFILE=)`
}
