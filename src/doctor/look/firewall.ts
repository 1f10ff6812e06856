import type { Run } from '../../os/exec.js'
import type { FirewallChain, FirewallRule } from '../facts.js'

/** The ruleset of nftables, which iptables writes too on systems of today, as far as it decides about what comes in. */

const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  esp: 50,
  ah: 51,
  sctp: 132,
  vrrp: 112
}
const NFT_TIMEOUT_MS = 5000
const MOST_BYTES = 8 << 20
/** Jumps within jumps, and rules of all of them together, that are followed. */
const MOST_DEPTH = 8
const MOST_RULES = 10_000

export type Ruleset =
  | { readonly ok: true; readonly chains: FirewallChain[] }
  | { readonly ok: false; readonly why: string }

export async function firewallOf(run: Run): Promise<Ruleset> {
  const options = { timeoutMs: NFT_TIMEOUT_MS, maxOutputBytes: MOST_BYTES }
  const done = await run(['nft', '-j', 'list', 'ruleset'], options)
  if (!done.ok) return { ok: false, why: `nft: ${done.detail}` }
  try {
    return { ok: true, chains: chainsOf(JSON.parse(done.output)) }
  } catch {
    return { ok: false, why: 'nft answers what is no ruleset' }
  }
}

type Json = Readonly<Record<string, unknown>>

const isMap = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const mapIn = (from: Json, key: string): Json | undefined => {
  const value = from[key]
  return isMap(value) ? value : undefined
}

/** @param ruleset what `nft -j list ruleset` prints */
export function chainsOf(ruleset: unknown): FirewallChain[] {
  const items = isMap(ruleset) && Array.isArray(ruleset['nftables']) ? ruleset['nftables'].filter(isMap) : []
  const place = (one: Json, name: unknown): string => `${one['family']} ${one['table']} ${name}`
  const rules = new Map<string, Json[]>()
  for (const item of items) {
    const rule = mapIn(item, 'rule')
    if (rule === undefined) continue
    const at = place(rule, rule['chain'])
    rules.set(at, [...(rules.get(at) ?? []), rule])
  }
  return items.flatMap((item) => {
    const chain = mapIn(item, 'chain')
    if (chain?.['hook'] !== 'input' || !['ip', 'inet'].includes(String(chain['family']))) return []
    const name = place(chain, chain['name'])
    const prefix = name.slice(0, name.length - String(chain['name']).length)
    const flat = (at: string, depth: number, isUnsure: boolean): FirewallRule[] => {
      if (depth > MOST_DEPTH) return []
      // What comes after a `return` is reached by some packets alone.
      let isPartial = isUnsure
      return (rules.get(at) ?? []).flatMap((rule) => {
        const read = readRule(rule)
        isPartial ||= read.isReturn
        if (read.jump !== undefined) return flat(`${prefix}${read.jump}`, depth + 1, isPartial || read.isConditional)
        return read.rule === undefined ? [] : [isPartial ? { ...read.rule, isPartial } : read.rule]
      })
    }
    return [{ name, drops: chain['policy'] === 'drop', rules: flat(name, 0, false).slice(0, MOST_RULES) }]
  })
}

interface Read {
  readonly rule?: FirewallRule
  readonly jump?: string
  readonly isConditional: boolean
  readonly isReturn: boolean
}

function readRule(rule: Json): Read {
  const expressions = Array.isArray(rule['expr']) ? rule['expr'].filter(isMap) : []
  let protocol: number | undefined
  let ports: [number, number][] | undefined
  let isPartial = false
  let packets: number | undefined
  let verdict: FirewallRule['verdict'] | undefined
  let jump: string | undefined
  for (const one of expressions) {
    const match = mapIn(one, 'match')
    if (match !== undefined) {
      const about = subject(match)
      const values = match['op'] === '==' || match['op'] === 'in' ? valuesOf(match['right']) : undefined
      if (about === 'protocol' && values?.length === 1 && values[0]?.[0] === values[0]?.[1]) protocol = values[0]?.[0]
      else if (about === 'tcp dport' && values !== undefined) [protocol, ports] = [6, values]
      else if (about === 'udp dport') protocol = 17
      else isPartial = true
    } else if ('accept' in one) verdict = 'accept'
    else if ('drop' in one || 'reject' in one) verdict = 'drop'
    else if ('jump' in one || 'goto' in one)
      jump = String(mapIn(one, 'jump' in one ? 'jump' : 'goto')?.['target'] ?? '')
    else if ('counter' in one) packets = Number(mapIn(one, 'counter')?.['packets'] ?? 0)
    else if (!('log' in one || 'comment' in one || 'mangle' in one || 'return' in one)) isPartial = true
  }
  const isConditional = isPartial || protocol !== undefined
  const isReturn = expressions.some((one) => 'return' in one)
  if (jump !== undefined) return { jump, isConditional, isReturn }
  return {
    isConditional,
    isReturn,
    ...(verdict === undefined ? {} : { rule: { verdict, protocol, ports, isPartial, packets } })
  }
}

function subject(match: Json): string {
  const left = mapIn(match, 'left') ?? {}
  if (mapIn(left, 'meta')?.['key'] === 'l4proto') return 'protocol'
  const payload = mapIn(left, 'payload')
  if (payload?.['field'] === 'protocol' || payload?.['field'] === 'nexthdr') return 'protocol'
  return payload === undefined ? '' : `${payload['protocol']} ${payload['field']}`
}

/** Numbers, names of protocols, ranges, and sets of these; undefined: something else. */
function valuesOf(right: unknown): [number, number][] | undefined {
  if (typeof right === 'number') return [[right, right]]
  if (typeof right === 'string') {
    const number = PROTOCOLS[right] ?? Number(right)
    return Number.isNaN(number) ? undefined : [[number, number]]
  }
  if (!isMap(right)) return undefined
  const { range, set } = right
  if (Array.isArray(range)) return [[Number(range[0]), Number(range[1])]]
  if (!Array.isArray(set)) return undefined
  const parts = set.map(valuesOf)
  return parts.every((part) => part !== undefined) ? parts.flat() : undefined
}
