import type { Addon } from '../../os/addon.js'
import { Netlink } from '../../os/netlink.js'
import type { LinkFacts } from '../facts.js'
import type { Files } from './files.js'

/** A link with what is needed to speak on it. */
export interface Link extends LinkFacts {
  readonly index: number
  readonly mac: Uint8Array
}

/** All interfaces with their addresses, also of those that are down. Rejects when the kernel cannot be asked. */
export async function linksOf(addon: Pick<Addon, 'NetlinkEvents'>, files: Files): Promise<Link[]> {
  const netlink = new Netlink(
    addon,
    () => undefined,
    () => undefined
  )
  try {
    await netlink.start()
    const addresses = [...netlink.addresses()]
    const links: Link[] = []
    for (const { index, name, isUp, isRunning, mtu, mac } of netlink.links()) {
      links.push({
        index,
        name,
        isUp: isUp && isRunning,
        mtu,
        mac,
        addresses: addresses.filter((one) => one.index === index).map(({ prefix }) => prefix),
        bridge: await bridgeOf(files, name)
      })
    }
    return links
  } finally {
    netlink.stop()
  }
}

async function bridgeOf(files: Files, name: string): Promise<LinkFacts['bridge']> {
  for (const place of [`sys/class/net/${name}/bridge`, `sys/class/net/${name}/brport/bridge/bridge`]) {
    const snooping = await files.read(`${place}/multicast_snooping`)
    if (snooping === undefined) continue
    const querier = await files.read(`${place}/multicast_querier`)
    return { snooping: snooping.trim() === '1', querier: querier?.trim() === '1' }
  }
  return undefined
}
