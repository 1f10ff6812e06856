import { parseArgs } from 'node:util'
import { ensurePackages } from '../../test/lab/packages.js'
import { nowMs, pause } from '../../test/lab/wait.js'
import { max, median, percentile, ready, table } from '../report/table.js'
import { Pair } from './pair.js'

/** How long a failover between two vipd takes, at short advert intervals: as the judge sees it, and as a client through the VIP does. */

interface Case {
  readonly event: 'kill -9' | 'SIGTERM'
  readonly advertMs: number
  readonly priorities: readonly [number, number]
}

interface Sample {
  /** Until the new owner's MAC answered for the VIP. */
  readonly ownerMs: number
  /** The longest time in which no request through the VIP was answered. */
  readonly clientMs: number
  /** Until the new owner was the only one. */
  readonly aloneMs: number
}

const cases: readonly Case[] = [
  { event: 'kill -9', advertMs: 10, priorities: [254, 253] },
  { event: 'kill -9', advertMs: 10, priorities: [254, 200] },
  { event: 'kill -9', advertMs: 100, priorities: [254, 253] },
  { event: 'kill -9', advertMs: 100, priorities: [254, 200] },
  { event: 'SIGTERM', advertMs: 10, priorities: [254, 253] },
  { event: 'SIGTERM', advertMs: 100, priorities: [254, 253] },
  { event: 'SIGTERM', advertMs: 1000, priorities: [254, 253] }
]

process.exitCode = await main()

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      repeat: { type: 'string', default: '20' },
      advert: { type: 'string', multiple: true },
      event: { type: 'string' },
      every: { type: 'string', default: '5' }
    }
  })
  if (!ready(ensurePackages(['iproute2', 'g++']))) return 1
  const everyMs = Number(values.every)
  const wanted = cases.filter(
    (one) => (values.advert?.includes(String(one.advertMs)) ?? true) && (values.event ?? one.event) === one.event
  )
  const rows: string[][] = []
  for (const one of wanted) {
    const samples = await measure(one, Number(values.repeat), everyMs)
    const [owner, client, alone] = [
      samples.map((sample) => sample.ownerMs),
      samples.map((sample) => sample.clientMs),
      samples.map((sample) => sample.aloneMs)
    ]
    rows.push([
      `${one.event}`,
      `${one.advertMs} ms`,
      one.priorities.join(' / '),
      String(samples.length),
      ...[median(owner), percentile(owner, 95), max(owner)].map(ms),
      ...[median(client), percentile(client, 95), max(client)].map(ms),
      ms(median(alone))
    ])
  }
  const head = ['event', 'adverts', 'priorities', 'times', 'new owner answers: median', 'p95', 'max']
  console.log(`\n${table([...head, 'client’s gap: median', 'p95', 'max', 'old one gone: median'], rows)}`)
  console.log(`\nThe judge asks every millisecond, the client every ${everyMs} ms, each time on a new connection.`)
  return 0
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`
}

async function measure(one: Case, repeat: number, everyMs: number): Promise<Sample[]> {
  const pair = new Pair(one)
  const samples: Sample[] = []
  try {
    await pair.start()
    const client = pair.startClient(everyMs)
    for (let round = 1; round <= repeat; round++) {
      await client.until(100, nowMs(), 15_000)
      // Not in step with the adverts: what is measured depends on where between two of them the end comes.
      await pause(Math.random() * one.advertMs)
      const sample = await failOver(pair, one, client)
      samples.push(sample)
      const { ownerMs, clientMs, aloneMs } = sample
      console.log(
        `${one.event} at ${one.advertMs} ms, ${round}/${repeat}: new owner ${ms(ownerMs)}, client ${ms(clientMs)}, alone ${ms(aloneMs)}`
      )
      await pair.master.start()
      await pair.settled()
    }
  } finally {
    await pair.close()
  }
  return samples
}

async function failOver(pair: Pair, one: Case, client: ReturnType<Pair['startClient']>): Promise<Sample> {
  const { judge, master, backup } = pair
  const since = nowMs()
  const ended = master.stop(one.event === 'kill -9' ? 'SIGKILL' : 'SIGTERM')
  await judge.answers(backup.node.name, 50, 10_000)
  const ownerMs = (judge.firstAnswer(backup.node.name, since) ?? Number.POSITIVE_INFINITY) - since
  await client.until(50, since + ownerMs, 10_000)
  const alone = await judge.settled(backup.node.name, 300, 10_000)
  const clientMs = client.longestGap(since - 200)
  await ended
  return { ownerMs, clientMs, aloneMs: Math.max(ownerMs, alone - since) }
}
