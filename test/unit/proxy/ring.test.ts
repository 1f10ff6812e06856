import fc from 'fast-check'
import t from 'tap'
import { type Node, ring } from '../../../src/proxy/ring.js'
import { runs } from '../../runs.js'

/** Whom a client belongs to: the nearest point, as the data plane looks it up. */
function ownerOf(nodes: readonly Node[], points: readonly number[], hash: number): string {
  let best = ''
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < points.length; i += 2) {
    const distance = Math.abs((points[i] ?? 0) - hash)
    const way = Math.min(distance, 2 ** 32 - distance)
    if (way < least) {
      least = way
      best = nodes[points[i + 1] ?? -1]?.name ?? '?'
    }
  }
  return best
}
const CLIENTS = Array.from({ length: 400 }, (_, i) => Math.floor((i * 2 ** 32) / 400) + 7)
const owners = (nodes: readonly Node[]): string[] => {
  const points = ring(nodes)
  return CLIENTS.map((hash) => ownerOf(nodes, points, hash))
}
const nodesOf = (...names: string[]): Node[] => names.map((name) => ({ name, points: 16 }))

t.test('points are ascending, 32 bits, as many as asked for, at places that follow from the name alone', async (t) => {
  const points = ring(nodesOf('a', 'b', 'c'))
  const hashes = points.filter((_, i) => i % 2 === 0)
  t.equal(points.length, 2 * 48)
  t.strictSame(
    hashes,
    [...hashes].sort((a, b) => a - b)
  )
  t.ok(hashes.every((hash) => Number.isInteger(hash) && hash >= 0 && hash < 2 ** 32))
  const placesOf = (all: readonly number[], index: number) => all.filter((_, i) => i % 2 === 0 && all[i + 1] === index)
  t.strictSame(placesOf(points, 1), placesOf(ring(nodesOf('b', 'x')), 0))
})

t.test('a server that goes moves its own clients and no others', async (t) => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/), { minLength: 2, maxLength: 8 })
  fc.assert(
    fc.property(names, fc.nat(), (all, pick) => {
      const gone = all[pick % all.length] ?? ''
      const before = owners(nodesOf(...all))
      const after = owners(nodesOf(...all.filter((name) => name !== gone)))
      for (const [i, owner] of before.entries())
        if (owner !== gone && after[i] !== owner) throw new Error(`a client of ${owner} moved when ${gone} went`)
    }),
    runs(60)
  )
  t.pass()
})

t.test('shares are roughly those of the weights, and a smaller one gives up points alone', async (t) => {
  const nodes = [
    { name: 'big', points: 3 * 256 },
    { name: 'small', points: 256 }
  ]
  const share = owners(nodes).filter((owner) => owner === 'big').length / CLIENTS.length
  t.ok(share > 0.65 && share < 0.85, String(share))
  const before = owners(nodes)
  const after = owners([
    { name: 'big', points: 256 },
    { name: 'small', points: 256 }
  ])
  t.ok(before.every((owner, i) => owner === 'big' || after[i] === 'small'))
})

t.test('a ring is bounded, and everybody stays on it', async (t) => {
  const nodes = [
    ...Array.from({ length: 20 }, (_, i) => ({ name: `s${i}`, points: 4096 })),
    { name: 'last', points: 1 }
  ]
  const points = ring(nodes)
  t.ok(points.length <= 2 * (32_768 + 1), String(points.length))
  t.equal(new Set(points.filter((_, i) => i % 2 === 1)).size, 21)
  t.strictSame(ring([]), [])
  t.strictSame(ring([{ name: 'none', points: 0 }]), [])
})
