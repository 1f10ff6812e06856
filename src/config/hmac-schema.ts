import type * as z from 'zod'
import { credential, duration, flag, integer, list, map, secretFile, word } from './fields.js'

/** Where a key comes from: never from the configuration itself, which people mail and print. */
const key = map(
  {
    id: integer(0, 255).describe('Key identifier: the same on every node'),
    file: secretFile.optional().describe('File that holds the key in hexadecimal, readable by nobody but its owner'),
    credential: credential.optional().describe('systemd credential (LoadCredential=) that holds it')
  },
  'id, and file or credential'
)

/** keepalived's auth_hmac: adverts carry a time and HMAC-SHA256. */
export const hmac = map(
  {
    key: list(key, 'keys, like { id: 1, file: /etc/vipd/vrrp.key }').describe(
      'Every key that is accepted; a new one is added on every node before it becomes active'
    ),
    active_key: integer(0, 255).optional().describe('The key that adverts are signed with; the first unless given'),
    time_window: duration('s', 1000, 3_600_000)
      .optional()
      .describe('How far the clocks of two nodes may be apart; 3 × advert_int, at least 5s, unless given'),
    anti_replay: flag.default(true).describe('An advert that is not newer than the last one of its sender is refused'),
    mode: word('enforce', 'permissive')
      .default('enforce')
      .describe('permissive: adverts without a signature are taken too, while nodes are changed over')
  },
  'key, active_key, time_window, anti_replay, mode'
).transform((raw) => ({
  keys: raw.key.map((one) => ({ id: one.id, file: one.file ?? null, credential: one.credential ?? null })),
  activeKey: raw.active_key ?? raw.key[0]?.id ?? 0,
  /** null: from advert_int. */
  timeWindowMs: raw.time_window ?? null,
  antiReplay: raw.anti_replay,
  mode: raw.mode
}))

export type HmacConfig = z.output<typeof hmac>
