import type { Config, VrrpConfig } from '../config/schema.js'
import { readKey } from '../os/keys.js'
import type { HmacKey } from '../vrrp/hmac.js'
import type { Keys } from './election.js'

/** The keys of every instance, read anew: by the instance's name. */
export interface LoadedKeys {
  readonly keys: Keys
  /** The key that all nodes have in common; null: there is no channel between them. */
  readonly common: Uint8Array | null
  /** Why some cannot be had, as sentences. */
  readonly problems: readonly string[]
}

export async function loadKeys(
  config: Pick<Config, 'vrrp' | 'peers'>,
  environment: NodeJS.ProcessEnv
): Promise<LoadedKeys> {
  const keys = new Map<string, readonly HmacKey[]>()
  const problems: string[] = []
  for (const instance of config.vrrp) {
    const found = await keysOf(instance, environment, problems)
    keys.set(instance.name, found)
  }
  return { keys, common: await commonKey(config.peers, environment, problems), problems }
}

async function commonKey(
  peers: Config['peers'],
  environment: NodeJS.ProcessEnv,
  problems: string[]
): Promise<Uint8Array | null> {
  if (peers === null) return null
  const read = await readKey(peers.key, environment)
  if (read.ok) return read.secret
  problems.push(`peers: ${read.why}`)
  return null
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
