import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../../config/schema.js'
import type { Addon, NativeCloseable } from '../../os/addon.js'
import { decodeAdvert } from '../../vrrp/advert.js'
import { TRAILER_BYTES } from '../../vrrp/hmac.js'
import { arpProbe, macText } from '../../vrrp/neighbor.js'
import type { Facts, HeardAdvert } from '../facts.js'
import type { Link } from './links.js'

/** What is heard on the links: adverts of anybody, and who answers for our addresses. */

/** Groups that are remembered. */
const MOST_HEARD = 256
const PROBES = 3

type Air = Pick<Facts, 'heard' | 'answers'>

/** Listens for `listenMs` on the interfaces of all instances, and asks for each virtual address meanwhile. Throws when it may not. */
export async function listen(
  addon: Pick<Addon, 'VrrpSocket' | 'ArpSocket' | 'sendFrame'>,
  config: Config,
  links: readonly Link[],
  listenMs: number
): Promise<Air> {
  const heard = new Map<string, HeardAdvert>()
  const answers = new Map<string, Air['answers'][number]>()
  const open: NativeCloseable[] = []
  try {
    const probes: (() => void)[] = []
    for (const { link, family, groups } of places(config, links)) {
      const source = link.addresses.find((one) => one.family === family)?.address
      if (source === undefined) continue
      const options = { family, interface: link.name, interfaceIndex: link.index, groups, source }
      open.push(
        new addon.VrrpSocket(options, ({ payload, source: from, destination }) => {
          const advert = decode(payload, { source: from, destination })
          if (advert === undefined || heard.size >= MOST_HEARD) return
          heard.set(`${link.name} ${from} ${advert.vrid}`, { ...advert, interface: link.name, source: from })
        })
      )
    }
    const wanted = config.vrrp.flatMap((one) =>
      one.virtualIpaddress.flatMap(({ address, family, dev }) => {
        const link = links.find(({ name }) => name === (dev ?? one.interface))
        return family === 4 && link?.mac.length === 6 ? [{ link, address }] : []
      })
    )
    for (const link of new Set(wanted.map((one) => one.link))) {
      const addresses = new Set(wanted.filter((one) => one.link === link).map(({ address }) => address))
      const own = macText(link.mac)
      open.push(
        new addon.ArpSocket(link.index, ({ senderMac, senderAddress }) => {
          const mac = macText(senderMac)
          if (!addresses.has(senderAddress) || mac === own) return
          answers.set(`${senderAddress} ${mac}`, { address: senderAddress, mac })
        })
      )
      for (const address of addresses) {
        probes.push(() => addon.sendFrame(link.index, Buffer.from(arpProbe(link.mac, address))))
      }
    }
    for (let i = 0; i < PROBES; i++) {
      for (const probe of probes) probe()
      await sleep(listenMs / PROBES)
    }
  } finally {
    for (const one of open) one.close()
  }
  return { heard: [...heard.values()], answers: [...answers.values()] }
}

/** Each interface once for each family, with the groups of all its instances. */
function places(config: Config, links: readonly Link[]) {
  const found = new Map<string, { link: Link; family: 4 | 6; groups: string[] }>()
  for (const one of config.vrrp) {
    const link = links.find(({ name }) => name === one.interface)
    if (link === undefined || !link.isUp) continue
    const key = `${link.name} ${one.family}`
    const place = found.get(key) ?? { link, family: one.family, groups: [one.family === 4 ? '224.0.0.18' : 'ff02::12'] }
    if (!place.groups.includes(one.group)) place.groups.push(one.group)
    found.set(key, place)
  }
  return found.values()
}

/** Whether it is signed is not known before. */
function decode(payload: Buffer, envelope: { source: string; destination: string }) {
  const plain = decodeAdvert(payload, envelope)
  const decoded = plain.ok ? plain : decodeAdvert(payload, envelope, TRAILER_BYTES)
  if (!decoded.ok) return undefined
  const { version, vrid, priority, advertIntMs, addresses, auth } = decoded.advert
  const authData = Buffer.from(auth?.data ?? []).toString('latin1')
  return { version, vrid, priority, advertIntMs, addresses, authType: auth?.type ?? 0, authData }
}
