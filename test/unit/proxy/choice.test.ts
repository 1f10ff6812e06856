import fc from 'fast-check'
import t from 'tap'
import type { CheckResult } from '../../../src/health/checker.js'
import { observe, ordered } from '../../../src/proxy/changes.js'
import { choose } from '../../../src/proxy/choice.js'
import { effective, newServer, type Server, weightOf } from '../../../src/proxy/pool.js'
import { tableOf } from '../../../src/proxy/table.js'
import { result, START, serviceConfig, UNREADY, UNSURE } from '../../fakes/fake-service.js'
import { runs } from '../../runs.js'

const NOW = { ms: 0, today: START }
const RESULTS = { up: result(true), down: result(false), unready: UNREADY, unsure: UNSURE } as const
type Seen = keyof typeof RESULTS | 'failing' | 'never' | 'drained'

/** Servers a, b, c, … as they were seen; a leading * is a backup. */
function servers(...seen: readonly string[]): Server[] {
  return seen.map((word, i) => {
    const [config] = serviceConfig(`{ name: ${'abcdefgh'[i]}, address: 10.0.0.${i + 1}:1 }`).servers
    if (config === undefined) throw new Error('no server')
    return see(newServer(i, { ...config, isBackup: word.startsWith('*') }, START), word.replace('*', ''))
  })
}

function see(one: Server, word: string): Server {
  const after = (...all: CheckResult[]): Server => all.reduce((so, next) => observe(so, next, NOW), one)
  if (word === 'never') return one
  if (word === 'failing') return after(RESULTS.up, RESULTS.down)
  if (word === 'drained') return ordered(after(RESULTS.up), { kind: 'state', state: 'drain' }, NOW)
  if (word === 'up' || word === 'down' || word === 'unready' || word === 'unsure') return after(RESULTS[word])
  throw new Error(word)
}

const chosen = (all: readonly Server[], allbackups = false): string => {
  const { kind, servers: some } = choose(all, allbackups)
  return `${kind} ${some.map(({ config }) => config.name).join('')}`.trim()
}

t.test('who gets connections: the best that there are, backups when no active one is UP', async (t) => {
  t.equal(chosen(servers('up', 'down', 'up')), 'active ac')
  t.equal(chosen(servers('up', 'failing', 'up')), 'active ac', 'one whose last check failed comes after the others')
  t.equal(chosen(servers('failing', 'down', 'failing')), 'active ac', 'and before nobody')
  t.equal(chosen(servers('failing', '*up')), 'active a')
  t.equal(chosen(servers('up', '*up')), 'active a')
  t.equal(chosen(servers('down', '*down', '*up', '*up')), 'backup c', 'the first usable backup alone')
  t.equal(chosen(servers('down', '*down', '*up', '*up'), true), 'backup cd')
  t.equal(chosen(servers('unready', '*up')), 'backup b', 'a backup that is ready before a server that is not')
  t.equal(chosen(servers('drained', '*down')), 'none', 'an order holds, whatever comes')
})

t.test('if no server is ready, those that are alive get the connections: fail open', async (t) => {
  t.equal(chosen(servers('unready', 'down', 'unready')), 'fail-open ac')
  t.equal(chosen(servers('unready', 'unsure', 'unready')), 'fail-open b', 'who may be ready comes before who is not')
  t.equal(chosen(servers('down', '*unready', '*unsure', '*unsure')), 'fail-open c')
  t.equal(chosen(servers('down', '*unready', '*unready'), true), 'fail-open bc')
  t.equal(chosen(servers('down', 'never')), 'none')
  t.equal(chosen([]), 'none')
})

t.test('the table is never empty while a server is alive that nobody holds back', async (t) => {
  const words: readonly Seen[] = ['up', 'down', 'unready', 'unsure', 'failing', 'never', 'drained']
  const one = fc.tuple(fc.constantFrom('', '*'), fc.constantFrom(...words)).map((parts) => parts.join(''))
  const balances = ['roundrobin', 'static-rr', 'leastconn', 'first', 'source', 'random'] as const
  fc.assert(
    fc.property(
      fc.array(one, { maxLength: 6 }),
      fc.boolean(),
      fc.constantFrom(...balances),
      fc.boolean(),
      (seen, allbackups, algorithm, isConsistent) => {
        const all = servers(...seen)
        const config = {
          ...serviceConfig('{ name: a, address: 10.0.0.1:1 }'),
          allbackups,
          balance: { algorithm, draws: 2 },
          hashType: isConsistent ? ('consistent' as const) : ('map-based' as const)
        }
        const table = tableOf({ id: 1, config, servers: all, leaving: [], routes: [], maxconn: 10, nowMs: 0 })
        const alive = all.filter((server) => {
          const isAlive = ['UP', 'DRAIN'].includes(effective(server))
          return isAlive && server.admin.state === 'ready' && weightOf(server) > 0
        })
        if (alive.length > 0 !== table.rotation.length > 0) throw new Error(`${seen.join()}: ${table.rotation}`)
        // And nobody else is in it.
        for (const index of table.rotation)
          if (!alive.includes(all[index] as Server)) throw new Error(`${seen.join()}: ${index}`)
        if (table.algorithm === 'consistent' && alive.length > 0 && table.ring.length === 0) throw new Error('no ring')
      }
    ),
    runs(400)
  )
  t.pass()
})
