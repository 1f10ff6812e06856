import { vip } from '../lab/lab.js'
import { ip } from '../lab/namespaces.js'
import { pause } from '../lab/wait.js'
import { type Kind, nothing, repeated } from './kind.js'
import type { Master, Storm } from './storm.js'
import { ECHO_PORT } from './vipd.js'

/** What goes wrong with a master's links, packets and addresses. */

const CHAINS =
  'add table ip faults; add chain ip faults in { type filter hook input priority 0; }; add chain ip faults out { type filter hook output priority 0; }; '

/** @param script of nftables, which makes this table */
function scripted(
  name: string,
  script: (master: Master, storm: Storm) => string,
  { parts = false, table = 'ip faults' } = {}
): Kind {
  return {
    name,
    parts,
    of: (master, storm) => {
      const nft = async (text: string): Promise<void> => void (await storm.lab.run(master.node, ['nft', text]))
      return { begin: () => nft(script(master, storm)), end: () => nft(`delete table ${table}`) }
    }
  }
}

/** @param rules in the chains `in` and `out` */
const filtered = (name: string, rules: readonly string[], parts = false): Kind =>
  scripted(name, () => withRules(rules), { parts })
const withRules = (rules: readonly string[]): string =>
  CHAINS + rules.map((rule) => `add rule ip faults ${rule}`).join('; ')

const loss = (percent: number): Kind =>
  filtered(
    `${percent} % loss`,
    ['in', 'out'].map((chain) => `${chain} numgen random mod 100 < ${percent} drop`),
    true
  )

export const networkKinds: readonly Kind[] = [
  {
    name: 'cable pulled',
    of: ({ node }, { lab }) => ({ begin: () => lab.unplug(node), end: () => lab.plug(node) })
  },
  {
    name: 'link flaps',
    of: ({ node }, { lab }) =>
      repeated(async () => {
        lab.unplug(node)
        await pause(150)
        lab.plug(node)
      }, 150)
  },
  {
    name: 'interface removed',
    of: ({ node }, { lab }) => ({ begin: () => lab.removeInterface(node), end: () => lab.createInterface(node) })
  },
  scripted(
    'cut off from the other masters',
    ({ node }, { lab }) => {
      const others = lab.masters.filter((one) => one !== node)
      const drops = others.flatMap(({ address }) => [`in ip saddr ${address} drop`, `out ip daddr ${address} drop`])
      return withRules([...drops, 'out ip protocol 112 drop'])
    },
    { parts: true }
  ),
  loss(5),
  loss(30),
  loss(50),
  filtered('adverts do not leave', ['out ip protocol 112 drop'], true),
  filtered('adverts do not come', ['in ip protocol 112 drop'], true),
  filtered('servers in a black hole', [`out tcp dport ${ECHO_PORT} drop`]),
  filtered('half open: its answers to clients are lost', ['out tcp sport 8443 drop']),
  scripted(
    'every packet twice, adverts too',
    () =>
      'add table netdev faults; add chain netdev faults out { type filter hook egress device bond0 priority 0; }; add rule netdev faults out meta mark != 7 meta mark set 7 dup to bond0',
    { table: 'netdev faults' }
  ),
  {
    name: 'a tenth of the packets comes late, out of order',
    of: ({ node }, { lab }) => {
      const tc = (...words: string[]): Promise<string> => lab.run(node, ['tc', ...words])
      return {
        begin: async () => {
          await tc('qdisc', 'add', 'dev', 'bond0', 'root', 'handle', '1:', 'htb', 'default', '1')
          await tc('class', 'add', 'dev', 'bond0', 'parent', '1:', 'classid', '1:1', 'htb', 'rate', '10gbit')
          await tc('class', 'add', 'dev', 'bond0', 'parent', '1:', 'classid', '1:2', 'htb', 'rate', '1mbit')
          const late = `${CHAINS}add chain ip faults late { type filter hook postrouting priority 0; }; add rule ip faults late`
          await lab.run(node, ['nft', `${late} numgen random mod 10 < 1 meta priority set 1:2`])
        },
        end: async () => {
          await lab.run(node, ['nft', 'delete table ip faults'])
          await tc('qdisc', 'del', 'dev', 'bond0', 'root')
        }
      }
    }
  },
  {
    name: 'the address is deleted',
    of: ({ node }, { lab }) => ({
      begin: () => {
        if (lab.hasVip(node)) ip(['-n', node.namespace, 'address', 'del', `${vip}/32`, 'dev', 'bond0'])
      },
      end: nothing
    })
  },
  {
    name: 'addresses come and go by the thousand',
    of: ({ node }, { lab }) =>
      repeated(async () => {
        const words = 'address add 10.77.$((i/250)).$((i%250+1))/32 dev lo'
        const all = (verb: string): string =>
          `i=0; while [ $i -lt 2000 ]; do echo "${words.replace('add', verb)}"; i=$((i+1)); done | ip -batch -`
        await lab.run(node, ['sh', '-c', `${all('replace')}; ${all('del')}`], 60_000).catch(() => '')
      }, 50)
  },
  {
    name: 'nftables flushed',
    of: ({ node }, { lab }) => repeated(async () => void (await lab.run(node, ['nft', 'flush ruleset'])), 200)
  }
]
