import * as z from 'zod'
import type { Bind, BindOptions, InheritedBind, TcpBind, UnixBind } from '../base/bind.js'
import { parseHostPort } from '../base/ip.js'
import { flag, integer, interfaceName, map } from './fields.js'

/** Where a service listens: an address and port, a unix socket, or a socket that was inherited. */

type Place =
  | Pick<TcpBind, 'kind' | 'host' | 'family' | 'port'>
  | Pick<UnixBind, 'kind' | 'path'>
  | Pick<InheritedBind, 'kind' | 'fd'>

const WHERE = 'ADDRESS:PORT, *:PORT, [::]:PORT, unix@/PATH, fd@NAME or fd@NUMBER (3 or more)'

const place = z.string({ error: () => `must be ${WHERE}, like 10.0.0.1:6443` }).transform((value, context): Place => {
  // A socket is made under a longer name beside its place.
  const unix = /^unix@(\/.{1,96})$/.exec(value)?.[1]
  if (unix !== undefined) return { kind: 'unix', path: unix }
  const fd = /^fd@([A-Za-z0-9_.-]{1,255})$/.exec(value)?.[1] ?? ''
  // 0 to 2 are the standard streams, and systemd counts from 3.
  if (/^\d+$/.test(fd) && Number(fd) >= 3 && Number(fd) <= 65_535) return { kind: 'fd', fd: Number(fd) }
  if (fd !== '' && !/^\d+$/.test(fd)) return { kind: 'fd', fd }
  const parsed = parseHostPort(value.replace(/^\*:/, '0.0.0.0:'))
  if (parsed !== undefined) return { kind: 'tcp', ...parsed }
  context.addIssue({ code: 'custom', message: `must be ${WHERE}` })
  return z.NEVER
})

const detailed = map(
  {
    address: place.describe(WHERE),
    accept_proxy: flag.default(false).describe('Connections begin with a PROXY header, v1 or v2'),
    maxconn: integer(1, 1_000_000).optional().describe('Sessions at once that came in here'),
    v4v6: flag.default(false).describe('A bind to [::] takes IPv4 too'),
    interface: interfaceName.optional().describe('Only what comes in by this interface'),
    mode: z
      .string({ error: () => 'must be text: permissions in octal, like "660"' })
      .regex(/^0?[0-7]{3}$/, { error: () => 'must be permissions in octal, like "660"' })
      .optional()
      .describe('Permissions of a unix socket')
  },
  'address, accept_proxy, maxconn, v4v6, interface, mode'
)

/** `10.0.0.99:8443`, or a map with where and how. */
export const bind = z
  .union([place, detailed], {
    error: () => `must be ${WHERE}, or a map of address and options (names are not resolved)`
  })
  .transform((raw, context): Bind => {
    if (!('address' in raw)) return withOptions(raw, {})
    const { address, interface: device, mode, v4v6 } = raw
    const stray = (key: string, what: string): void => {
      context.addIssue({ code: 'custom', path: [key], message: `is for ${what} alone: leave it out` })
    }
    if (mode !== undefined && address.kind !== 'unix') stray('mode', 'a unix socket')
    if (device !== undefined && address.kind !== 'tcp') stray('interface', 'an address and port')
    if (v4v6 && (address.kind !== 'tcp' || address.host !== '::')) stray('v4v6', '[::]:PORT')
    return withOptions(address, {
      acceptProxy: raw.accept_proxy,
      maxconn: raw.maxconn ?? null,
      v4v6,
      interface: device ?? null,
      mode: mode === undefined ? null : Number.parseInt(mode, 8)
    })
  })

interface Options extends Partial<BindOptions> {
  readonly v4v6?: boolean
  readonly interface?: string | null
  readonly mode?: number | null
}

function withOptions(where: Place, options: Options): Bind {
  const { acceptProxy = false, maxconn = null, v4v6 = false, mode = null } = options
  switch (where.kind) {
    case 'tcp':
      return { ...where, acceptProxy, maxconn, v4v6, interface: options.interface ?? null }
    case 'unix':
      return { ...where, acceptProxy, maxconn, mode }
    case 'fd':
      return { ...where, acceptProxy, maxconn }
  }
}
