import type { Config, VrrpConfig } from '../config/schema.js'
import { readKey } from '../os/keys.js'
import type { HmacKey } from '../vrrp/hmac.js'
import type { Keys } from './election.js'

/** The keys of every instance, read anew: by the instance's name. */
export interface LoadedKeys {
  readonly keys: Keys
  /** Why some cannot be had, as sentences. */
  readonly problems: readonly string[]
}

export async function loadKeys(config: Pick<Config, 'vrrp'>, environment: NodeJS.ProcessEnv): Promise<LoadedKeys> {
  const keys = new Map<string, readonly HmacKey[]>()
  const problems: string[] = []
  for (const instance of config.vrrp) {
    const found = await keysOf(instance, environment, problems)
    keys.set(instance.name, found)
  }
  return { keys, problems }
}

async function keysOf(
  { name, authHmac }: VrrpConfig,
  environment: NodeJS.ProcessEnv,
  problems: string[]
): Promise<HmacKey[]> {
  const found: HmacKey[] = []
  for (const { id, ...place } of authHmac?.keys ?? []) {
    const read = await readKey(place, environment)
    if (read.ok) found.push({ id, secret: read.secret })
    else problems.push(`${name}: auth_hmac key ${id}: ${read.why}`)
  }
  return found
}
