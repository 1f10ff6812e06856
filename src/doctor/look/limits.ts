import type { Files } from './files.js'

const UNIT_FOLDERS = ['usr/lib/systemd/system', 'lib/systemd/system', 'etc/systemd/system']
const SUFFIXES: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }

/**
 * How many files the service may have open: the daemon that runs, or else what its unit says; whoever asks may have
 * another limit. undefined: there is neither.
 * @param pid of the daemon that runs
 */
export async function openFilesOfService(
  files: Pick<Files, 'read' | 'list'>,
  pid: number | undefined
): Promise<number | undefined> {
  const running = pid === undefined ? undefined : await files.read(`proc/${pid}/limits`)
  const hard = /^Max open files\s+\S+\s+(\d+|unlimited)/m.exec(running ?? '')?.[1]
  if (hard !== undefined) return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard)
  let found: number | undefined
  for (const folder of UNIT_FOLDERS) {
    const dropIns = (await files.list(`${folder}/vipd.service.d`)).filter((name) => name.endsWith('.conf')).sort()
    // The later one is in force.
    for (const name of ['vipd.service', ...dropIns.map((one) => `vipd.service.d/${one}`)])
      found = limitIn(await files.read(`${folder}/${name}`)) ?? found
  }
  return found
}

/** `LimitNOFILE=131072` or `LimitNOFILE=1024:64K`: the hard one counts, since the daemon raises its own. */
function limitIn(unit: string | undefined): number | undefined {
  const word = [...(unit ?? '').matchAll(/^\s*LimitNOFILE\s*=\s*(?:\S+:)?(infinity|\d+)([KMG]?)\s*$/gm)].at(-1)
  if (word === undefined) return undefined
  return word[1] === 'infinity' ? Number.POSITIVE_INFINITY : Number(word[1]) * (SUFFIXES[word[2] ?? ''] ?? 1)
}
