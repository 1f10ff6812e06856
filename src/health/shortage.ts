/** What this host is short of says nothing about the server. */
const SHORTAGES: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EAGAIN', 'EADDRNOTAVAIL'])

/** Whether a system call failed for want of something here. @param errno its name */
export const isShortage = (errno: string): boolean => SHORTAGES.has(errno)
