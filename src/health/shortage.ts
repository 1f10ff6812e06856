/** What this host is short of says nothing about the server. */
const SHORTAGES: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EAGAIN', 'EADDRNOTAVAIL'])
/** A connection that never left this host, as the data plane has it. */
const OUR_OWN: ReadonlySet<string> = new Set([
  'EADDRINUSE',
  'EPERM',
  'EACCES',
  'EINVAL',
  'EAFNOSUPPORT',
  'ENODEV',
  'ENOSPC'
])

/** Whether a system call failed for want of something here. @param errno its name */
export const isShortage = (errno: string): boolean => SHORTAGES.has(errno)

/** Whether a live connection failed without anything being sent to its server. @param errno its name */
export const isOurOwn = (errno: string): boolean => isShortage(errno) || OUR_OWN.has(errno)
