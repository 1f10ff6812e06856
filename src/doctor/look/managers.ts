import type { ManagerFacts } from '../facts.js'
import type { Files } from './files.js'
import type { ProcessFacts } from './processes.js'

/** Managers of the network, and which interfaces' addresses they take away when they think anew. */

const NETWORK_FOLDERS = ['etc/systemd/network', 'run/systemd/network', 'usr/lib/systemd/network'] as const

/** systemd-networkd tells in /run/systemd/netif/links/INDEX which file it configures a link by. */
export async function networkdOf(
  files: Files,
  processes: readonly ProcessFacts[],
  links: readonly { readonly name: string; readonly index: number }[]
): Promise<ManagerFacts> {
  // A process's name has 15 characters.
  const isActive = processes.some(
    ({ name }) => 'systemd-networkd'.startsWith(name) && name.startsWith('systemd-network')
  )
  const flushes = new Set<string>()
  if (!isActive) return { isActive, flushes }
  for (const { name, index } of links) {
    const state = await files.read(`run/systemd/netif/links/${index}`)
    const file = /^NETWORK_FILE=(.+)$/m.exec(state ?? '')?.[1]
    if (file === undefined) continue
    const texts = [await files.read(file), ...(await dropIns(files, file))]
    const keeps = texts.some((text) => /^\s*KeepConfiguration\s*=\s*(yes|static)\s*$/m.test(text ?? ''))
    if (!keeps) flushes.add(name)
  }
  return { isActive, flushes }
}

async function dropIns(files: Files, file: string): Promise<(string | undefined)[]> {
  const base = file.slice(file.lastIndexOf('/') + 1)
  const texts = NETWORK_FOLDERS.map(async (folder) => {
    const names = (await files.list(`${folder}/${base}.d`)).filter((name) => name.endsWith('.conf'))
    return Promise.all(names.map((name) => files.read(`${folder}/${base}.d/${name}`)))
  })
  return (await Promise.all(texts)).flat()
}

/** NetworkManager tells in /run/NetworkManager/devices/INDEX whether it manages a device. */
export async function networkManagerOf(
  files: Files,
  processes: readonly ProcessFacts[],
  links: readonly { readonly name: string; readonly index: number }[]
): Promise<ManagerFacts> {
  const isActive = processes.some(({ name }) => name === 'NetworkManager')
  const flushes = new Set<string>()
  if (!isActive) return { isActive, flushes }
  for (const { name, index } of links) {
    const state = await files.read(`run/NetworkManager/devices/${index}`)
    if (/^managed=(full|true|1)$/m.test(state ?? '')) flushes.add(name)
  }
  return { isActive, flushes }
}
