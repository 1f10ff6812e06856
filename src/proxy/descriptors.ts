/** Both legs of a session. */
const PER_SESSION = 2
/** Part of the sessions that may have a pipe in use at once, as haproxy's maxpipes: a pipe has two ends. */
const PIPES_PER_SESSION = 0.25
/** Listeners, epoll, netlink, VRRP, admin, logs, health checks and Node's own. */
const RESERVE = 512

const cost = PER_SESSION + 2 * PIPES_PER_SESSION

/** Open descriptors that this many sessions at once may need. */
export const descriptorsFor = (maxconn: number): number => Math.ceil(maxconn * cost) + RESERVE

/** Sessions at once that fit into a limit of open descriptors; at least one. */
export const sessionsWithin = (descriptors: number): number => Math.max(1, Math.floor((descriptors - RESERVE) / cost))

/** What is to be said when fewer sessions fit than were asked for; undefined when they fit. */
export function shortage(wanted: number, descriptors: number): string | undefined {
  const fits = sessionsWithin(descriptors)
  if (fits >= wanted) return undefined
  return `maxconn ${wanted} needs ${descriptorsFor(wanted)} open files and this process may open ${descriptors}: ${fits} sessions fit at once, more wait (raise LimitNOFILE=)`
}
