import * as z from 'zod'
import { formatPrefix, type Prefix } from '../base/ip.js'
import { address, flag, interfaceName, map, prefix } from './fields.js'

/** An address that the master holds, and how. */
export interface VirtualAddress extends Prefix {
  /** Interface that it goes on; null: the instance's own. */
  readonly dev: string | null
  /** Its name in `ip address` (IFA_LABEL), IPv4 alone; null: none. */
  readonly label: string | null
  /** rtnetlink's scope: 0 global, 200 site, 253 link, 254 host. */
  readonly scope: number
  /** Broadcast address, IPv4 alone; null: none. */
  readonly broadcast: string | null
  /** IPv6: nobody else is asked whether the address is free. Always, unless told otherwise. */
  readonly noDad: boolean
}

const SCOPES = { global: 0, site: 200, link: 253, host: 254 } as const

const detailed = map(
  {
    address: prefix,
    dev: interfaceName.optional().describe('Interface that it goes on; the instance’s own unless given'),
    label: z
      .string({ error: () => 'must be text, like eth0:vip' })
      .regex(/^[^\s/]{1,15}$/, { error: () => 'must be 1 to 15 characters, like eth0:vip' })
      .optional()
      .describe('Its name in `ip address`'),
    scope: z
      .enum(['global', 'site', 'link', 'host'], { error: () => 'must be one of global, site, link, host' })
      .default('global'),
    brd: address.optional().describe('Broadcast address'),
    nodad: flag.default(true).describe('IPv6: held at once, nobody is asked whether it is free')
  },
  'address, dev, label, scope, brd'
)

/** `10.0.0.99/24`, or a map with where and how. */
export const virtualAddress = z
  .union([prefix, detailed], {
    error: () => 'must be an address, like 10.0.0.99 or 10.0.0.99/24, or a map of address, dev, label, scope, brd'
  })
  .transform((raw): VirtualAddress => {
    if ('length' in raw) return { ...raw, dev: null, label: null, scope: 0, broadcast: null, noDad: true }
    return {
      ...raw.address,
      dev: raw.dev ?? null,
      label: raw.label ?? null,
      scope: SCOPES[raw.scope],
      broadcast: raw.brd ?? null,
      noDad: raw.nodad
    }
  })

/** An address with its interface where it has one of its own: what tells two apart. */
export const formatVirtualAddress = (one: VirtualAddress): string =>
  one.dev === null ? formatPrefix(one) : `${formatPrefix(one)} dev ${one.dev}`
