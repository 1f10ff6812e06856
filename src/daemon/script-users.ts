import type { Log } from '../base/log.js'
import type { Config } from '../config/schema.js'
import { type Credentials, credentialsOf, lookUpUser, scriptUser, type User } from '../os/users.js'

/** Whom scripts and checks run as: looked up once for a configuration, since a script's start does not wait for it. */
export class ScriptUsers {
  readonly #log: Log
  readonly #users = new Map<string, User>()
  #default: User | undefined

  constructor(log: Log) {
    this.#log = log
  }

  /** Looks up everybody that a configuration names. */
  async configure(config: Config): Promise<void> {
    this.#default = await scriptUser(config.global.scriptUser)
    const checks = config.proxy.flatMap(({ servers }) => servers.flatMap(({ check }) => check ?? []))
    for (const name of new Set([...config.scripts, ...checks].map(({ user }) => user).filter((one) => one !== null))) {
      const user = await lookUpUser(name)
      if (user === undefined) this.#log.error({ user: name }, 'no such user: scripts that run as it are not run')
      else this.#users.set(name, user)
    }
  }

  /** Who notify scripts run as; undefined: nobody, they are not run. */
  get scripts(): Credentials | undefined {
    return this.#default === undefined ? undefined : credentialsOf(this.#default)
  }

  /** Who a track script or a check runs as. */
  of(name: string | null): Credentials | undefined {
    if (name === null) return this.scripts
    const user = this.#users.get(name)
    return user === undefined ? undefined : credentialsOf(user)
  }
}
