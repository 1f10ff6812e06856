import { formatPrefix } from '../base/ip.js'
import type { Config } from '../config/schema.js'
import type { Netlink } from '../os/netlink.js'
import { type KernelAddress, VIPD_PROTOCOL } from '../os/rtnetlink.js'
import { addressesOf } from '../vrrp/addresses.js'

/**
 * Removes the addresses that a dead daemon left: those that carry vipd's mark, whatever the configuration says now,
 * and the configured ones (the whole prefix alike) on their interface, whoever put them there: a keepalived that was
 * killed leaves its own. The owner of an address (priority 255) keeps it.
 * @param config undefined where it cannot be read: then the marked ones alone
 * Goes through all of them, then throws the first failure if there was one.
 * @returns what was removed, as 'ADDRESS/LENGTH'
 */
export async function sweep(
  netlink: Pick<Netlink, 'addresses' | 'link' | 'removeAddress'>,
  config: Pick<Config, 'vrrp'> | undefined
): Promise<string[]> {
  const orphans = [...netlink.addresses()].filter(
    (address) => address.protocol === VIPD_PROTOCOL || isConfigured(netlink, config, address)
  )
  const failures: unknown[] = []
  for (const orphan of orphans) {
    await netlink.removeAddress(orphan.index, orphan.prefix).catch((error: unknown) => failures.push(error))
  }
  if (failures.length > 0) throw failures[0]
  return orphans.map((orphan) => formatPrefix(orphan.prefix))
}

function isConfigured(
  netlink: Pick<Netlink, 'link'>,
  config: Pick<Config, 'vrrp'> | undefined,
  address: KernelAddress
): boolean {
  return (config?.vrrp ?? []).some(
    (instance) =>
      instance.priority !== 255 &&
      addressesOf(instance).some(
        (vip) =>
          netlink.link(vip.dev ?? instance.interface)?.index === address.index &&
          formatPrefix(vip) === formatPrefix(address.prefix)
      )
  )
}
