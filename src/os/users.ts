import { open } from 'node:fs/promises'
import { type Run, run } from './exec.js'

export interface User {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/** What `run` is told of who a program runs as; empty: as ourselves. */
export type Credentials = Pick<User, 'uid' | 'gid'> | { readonly uid?: undefined; readonly gid?: undefined }

export interface UserPorts {
  readonly passwdFile: string
  readonly run: Run
}

/** Whom keepalived runs scripts as, where there is such a user. */
const KEEPALIVED_USER = 'keepalived_script'
const FALLBACK_USER = 'nobody'
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/
/** What of /etc/passwd is read; users beyond it are asked for as those of a directory service are. */
const MAX_PASSWD_BYTES = 1 << 20
const ID_TIMEOUT_MS = 5000

const systemPorts: UserPorts = { passwdFile: '/etc/passwd', run }

/** A user by its name: from /etc/passwd, else from `id`, which asks directory services too. */
export async function lookUpUser(name: string, ports: UserPorts = systemPorts): Promise<User | undefined> {
  if (!NAME.test(name)) return undefined
  return (await inPasswd(name, ports.passwdFile)) ?? (await byId(name, ports.run))
}

/**
 * Whom scripts run as: the user that is configured; unless one is, keepalived_script where it exists, else nobody.
 * @returns undefined when there is no such user
 */
export async function scriptUser(configured: string | null, ports: UserPorts = systemPorts): Promise<User | undefined> {
  if (configured !== null) return lookUpUser(configured, ports)
  return (await lookUpUser(KEEPALIVED_USER, ports)) ?? (await lookUpUser(FALLBACK_USER, ports))
}

/** Only root may run a program as somebody else: where vipd is not root, every program runs as vipd's own user. */
export const canChangeUser = (): boolean => process.geteuid?.() === 0

/** What to tell `run` so that a program runs as `user`, as far as that is possible at all. */
export const credentialsOf = (user: User, mayChange = canChangeUser()): Credentials =>
  mayChange ? { uid: user.uid, gid: user.gid } : {}

async function inPasswd(name: string, file: string): Promise<User | undefined> {
  const handle = await open(file, 'r').catch(() => undefined)
  if (handle === undefined) return undefined
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_PASSWD_BYTES), 0, MAX_PASSWD_BYTES, 0)
    const line = buffer
      .toString('latin1', 0, bytesRead)
      .split('\n')
      .find((one) => one.startsWith(`${name}:`))
    const [, , uid = '', gid = ''] = line?.split(':') ?? []
    return userOf(name, uid, gid)
  } catch {
    return undefined
  } finally {
    await handle.close()
  }
}

async function byId(name: string, run: Run): Promise<User | undefined> {
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map((what) => run(['id', what, '--', name], { timeoutMs: ID_TIMEOUT_MS }))
  )
  return uid?.ok && gid?.ok ? userOf(name, uid.output.trim(), gid.output.trim()) : undefined
}

/** -1, in its many spellings, means "leave it as it is" to setuid's kin. */
const MAX_ID = 2 ** 32 - 2

function userOf(name: string, uid: string, gid: string): User | undefined {
  const isId = (text: string): boolean => /^\d{1,10}$/.test(text) && Number(text) <= MAX_ID
  return isId(uid) && isId(gid) ? { name, uid: Number(uid), gid: Number(gid) } : undefined
}
