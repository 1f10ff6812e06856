import type { Work } from '../load.js'
import type { Effort, Figure, Measured, OpenScenario, Scenario } from '../model.js'
import { type Loaded, problemOf, Stand } from '../stand.js'
import { allTargets } from '../targets/all.js'
import { bulkFigures, burstFigures, figuresOf, measuredBulk, measuredBurst, measuredRate } from './figures.js'

/** Scenarios in which a load is put on each target in turn, and that is all. */

interface Load {
  readonly name: string
  readonly title: string
  readonly what: string
  readonly work: Work
  readonly figures: readonly Figure[]
  readonly judge: (loaded: Loaded) => Measured
  readonly threads?: number
  readonly isTls?: boolean
  readonly targets?: readonly string[]
}

const KIBI = 1024

export const requestScenarios = [64, 1000].flatMap((connections) =>
  [100, 16 * KIBI].map((bytes) => requests(connections, bytes))
)
export const connectionScenarios = (['server', 'client'] as const).map((close) => connections(close))
export const handshakeScenario = scenarioOf({
  ...connections('server').load,
  name: 'tls-handshakes',
  title: 'TLS handshakes, end to end',
  what: '32 clients connect, make a full handshake with the server (TLS 1.3, ECDSA P-256), ask for 100 bytes and connect again.',
  work: { mode: 'connections', concurrency: 32, bytes: 100, close: 'server' },
  figures: figuresOf('handshake'),
  isTls: true
})
export const bulkScenarios = [bulk('down', 1), bulk('down', 2), bulk('down', 64), bulk('up', 2), bulk('both', 2)]
export const burstScenario = scenarioOf({
  name: 'burst-4000',
  title: '4,000 connections at once',
  what: '4,000 clients connect in the same moment and ask for 100 bytes each; times are from that moment.',
  work: { mode: 'burst', connections: 4000 },
  figures: burstFigures,
  judge: (loaded) => measuredBurst(loaded, 4000)
})
export const scalingScenarios = [1, 2]
  .flatMap((threads) => [
    { ...requests(64, 100).load, ...of(threads, 'requests') },
    { ...connections('server').load, ...of(threads, 'connections') }
  ])
  .map((load) => scenarioOf(load))

function of(threads: number, word: string): Pick<Load, 'name' | 'title' | 'threads' | 'targets'> {
  const title = `Scaling: ${word} with ${threads === 1 ? 'one thread' : `${threads} threads`}`
  return { name: `scaling-${word}-${threads}`, title, threads, targets: ['vipd', 'haproxy', 'nginx'] }
}

function requests(count: number, bytes: number) {
  const [size, tag] = bytes < KIBI ? [`${bytes} bytes`, String(bytes)] : [`${bytes / KIBI} KiB`, `${bytes / KIBI}k`]
  return withLoad({
    name: `requests-${count}-${tag}`,
    title: `Requests on ${count.toLocaleString('en')} kept connections, answers of ${size}`,
    what: `${count.toLocaleString('en')} connections are kept, and on each a request follows the answer to the one before (${size}).`,
    work: { mode: 'requests', connections: count, bytes },
    figures: figuresOf('request'),
    judge: measuredRate
  })
}

function connections(close: 'client' | 'server') {
  return withLoad({
    name: `connections-${close}-closes`,
    title: `New connections, closed by the ${close}`,
    what: `64 clients connect, ask for 100 bytes, read them, the ${close} closes, and they connect again.`,
    work: { mode: 'connections', concurrency: 64, bytes: 100, close },
    figures: figuresOf('connection'),
    judge: measuredRate
  })
}

function bulk(direction: 'down' | 'up' | 'both', streams: number): Scenario {
  const way = { down: 'from the server', up: 'to the server', both: 'both ways at once' }[direction]
  return scenarioOf({
    name: `bulk-${direction}-${streams}`,
    title: `Bulk ${way}, ${streams === 1 ? 'one stream' : `${streams} streams`}`,
    what: `${streams === 1 ? 'One connection carries' : `${streams} connections carry`} as much as they can ${way}.`,
    work: { mode: 'bulk', streams, direction },
    figures: bulkFigures,
    judge: measuredBulk
  })
}

function withLoad(load: Load): Scenario & { readonly load: Load } {
  return { ...scenarioOf(load), load }
}

function scenarioOf(load: Load): Scenario {
  const targets = load.targets ?? allTargets
  const open = async (effort: Effort): Promise<OpenScenario> => {
    const stand = await Stand.open({ targets, threads: load.threads ?? 2, isTls: load.isTls ?? false })
    const warmS = Math.min(0.3, effort.seconds / 4)
    return {
      configurations: stand.configurations,
      absent: stand.absent,
      close: () => stand.close(),
      measure: async (target) => {
        const loaded = await stand.load(target, load.work, effort.seconds, warmS)
        return 'problem' in loaded ? problemOf(loaded.problem) : load.judge(loaded)
      }
    }
  }
  const { name, title, what, figures } = load
  return { name, title, what, figures, targets, open }
}
