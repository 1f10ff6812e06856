import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import type { VrrpConfig } from '../../src/config/schema.js'
import { cluster, type FakeNode, VIP } from '../fakes/fake-node.js'

// election/*.txt: what happens to three nodes, a line of dashes, and everything that followed. Rewritten by UPDATE_GOLDEN=1.
// Above the line: `node NAME [priority N] [nopreempt]`, then `MS VERB NODE…` with start, stop, freeze, thaw, down, up,
// take (something else removes the VIP), fail REASON, heal, cut A B, mend, and at last `MS end`.

const folder = new URL('../../../test/golden/election/', import.meta.url)

interface Told {
  readonly at: number
  readonly text: string
}

async function play(script: string): Promise<string> {
  const lines = script.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'))
  const { time, lan, nodes } = cluster(lines.filter((line) => line.startsWith('node ')).map(overridesOf))
  const said: Told[] = []
  const find = (name: string | undefined): FakeNode => {
    const found = nodes.find((one) => one.name === name)
    if (found === undefined) throw new Error(`no node ${name}`)
    return found
  }
  for (const line of lines.filter((one) => !one.startsWith('node '))) {
    const [ms, verb, ...names] = line.split(/\s+/)
    await time.advance(Number(ms) - time.now)
    if (verb !== 'end') said.push({ at: time.now, text: `> ${[verb, ...names].join(' ')}` })
    if (verb === 'cut') lan.cut(names[0] ?? '', names[1] ?? '')
    else if (verb === 'mend') lan.mend()
    else if (verb === 'fail') act(find(names[0]), 'fail', names.slice(1).join(' '))
    else for (const name of names) act(find(name), verb ?? '')
    await time.settle()
  }
  for (const node of nodes) said.push(...transcript(node))
  for (const { from, at, payload } of lan.sent) said.push({ at, text: `${from}   advert ${payload[2]}` })
  return fold(said.sort((x, y) => x.at - y.at)).join('\n')
}

function overridesOf(line: string): Partial<VrrpConfig> {
  const priority = /priority (\d+)/.exec(line)?.[1]
  return {
    ...(priority === undefined ? {} : { priority: Number(priority) }),
    ...(line.includes('nopreempt') ? { preempt: false } : {})
  }
}

function act(node: FakeNode, verb: string, reason = ''): void {
  switch (verb) {
    case 'start':
      node.start()
      break
    case 'stop':
      void node.instance.stop()
      break
    case 'freeze':
      node.clock.freeze()
      break
    case 'thaw':
      node.clock.thaw()
      break
    case 'down':
      node.setLink({ isRunning: false })
      break
    case 'up':
      node.setLink({})
      break
    case 'take':
      node.kernel.take(2, VIP)
      break
    case 'fail':
      node.outside = [reason]
      node.look()
      break
    case 'heal':
      node.outside = []
      node.look()
      break
    default:
      throw new Error(`unknown verb ${verb}`)
  }
}

/** What a node did, but for its adverts, renewals and probes. */
function transcript(node: FakeNode): Told[] {
  return [
    ...node.changes.map(({ at, from, to, reason }) => ({ at, text: `${node.name} ${from} -> ${to} (${reason})` })),
    ...node.kernel.operations
      .filter(({ op }) => op !== 'renew')
      .map(({ at, op, address }) => ({ at, text: `${node.name}   ${op} ${address}` })),
    ...node.frames.map(({ at }) => ({ at, text: `${node.name}   garp` }))
  ]
}

/** The same line several times in a row is written once; the moment is that of the first. */
function fold(all: readonly Told[]): string[] {
  const folded: { at: number; text: string; times: number; until: number }[] = []
  for (const { at, text } of all) {
    const last = folded.at(-1)
    if (last?.text === text) {
      last.times++
      last.until = at
    } else folded.push({ at, text, times: 1, until: at })
  }
  return folded.map(({ at, text, times, until }) => {
    const more = times === 1 ? '' : until === at ? `  x${times}` : `  x${times} until ${seconds(until)}`
    return `${seconds(at)} ${text}${more}`
  })
}

const seconds = (ms: number): string => (ms / 1000).toFixed(3).padStart(7)

for (const file of readdirSync(folder).sort()) {
  t.test(`the election of ${file} goes as it is written`, async (t) => {
    const url = new URL(file, folder)
    const [script = '', expected = ''] = readFileSync(url, 'utf8').split('\n----\n')
    const happened = await play(script)
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(url, `${script}\n----\n${happened}\n`)
    else t.equal(happened, expected.trimEnd())
    t.ok(happened.includes('MASTER'))
  })
}
