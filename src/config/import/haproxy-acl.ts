import { parsePrefix } from '../../base/ip.js'
import type { Directive } from './directive.js'

/** What an ACL looks at, as far as vipd can look at it too. */
export type Match =
  | { readonly kind: 'src'; readonly nets: readonly string[] }
  | { readonly kind: 'sni'; readonly names: readonly string[] }
  /** It is a TLS ClientHello at all. */
  | { readonly kind: 'hello' }
  | { readonly kind: 'other' }

export interface Term {
  readonly isNegated: boolean
  readonly match: Match
}

/** What follows `if` or `unless`: alternatives, of each of which every term must hold. */
export interface Condition {
  readonly isNegated: boolean
  readonly any: readonly (readonly Term[])[]
}

export type Acls = ReadonlyMap<string, Match>

const OTHER: Match = { kind: 'other' }

/** `acl` lines; those of one name are alternatives. */
export function aclsOf(lines: readonly Directive[]): Acls {
  const acls = new Map<string, Match>()
  for (const { words } of lines) {
    const [, name = '', ...rest] = words
    const match = matchOf(rest)
    const before = acls.get(name)
    acls.set(name, before === undefined ? match : either(before, match))
  }
  return acls
}

function either(one: Match, other: Match): Match {
  if (one.kind === 'src' && other.kind === 'src') return { kind: 'src', nets: [...one.nets, ...other.nets] }
  if (one.kind === 'sni' && other.kind === 'sni') return { kind: 'sni', names: [...one.names, ...other.names] }
  return OTHER
}

/** A criterion with its flags and values. */
function matchOf([criterion = '', ...words]: readonly string[]): Match {
  const values: string[] = []
  let method = ''
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ''
    if (word === '-m') method = words[++i] ?? ''
    else if (word === '-f' || word === '-M' || word === '-u') return OTHER
    else if (!/^-[in-]$/.test(word)) values.push(word)
  }
  if (values.length === 0) return OTHER
  if (criterion === 'src' && (method === '' || method === 'ip')) {
    return values.every((one) => parsePrefix(one) !== undefined) ? { kind: 'src', nets: values } : OTHER
  }
  const [fetch = '', ...converters] = criterion.split(',')
  if (/^req[._]ssl_hello_type$/.test(fetch) && values.join() === '1') return { kind: 'hello' }
  if (!/^req[._]ssl_sni$/.test(fetch) || converters.some((one) => one !== 'lower')) return OTHER
  const names = values.map((one) => nameOf(one.toLowerCase(), method))
  return names.includes('') ? OTHER : { kind: 'sni', names }
}

/** vipd's way to say which names are meant; '' where it cannot. */
function nameOf(value: string, method: string): string {
  const name = method === 'end' && value.startsWith('.') ? `*${value}` : value
  const isPlain = method === '' || method === 'str' || name !== value
  return isPlain && /^(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(name) ? name : ''
}

/** The condition at the end of a rule; undefined: there is none, so it always applies. */
export function conditionOf(words: readonly string[], acls: Acls): Condition | undefined {
  const start = words.findIndex((word) => word === 'if' || word === 'unless')
  if (start < 0) return undefined
  const any: Term[][] = [[]]
  let isNegated = false
  for (let i = start + 1; i < words.length; i++) {
    let word = words[i] ?? ''
    if (word === '||' || word === 'or') {
      any.push([])
      continue
    }
    while (word.startsWith('!')) {
      isNegated = !isNegated
      word = word.slice(1)
    }
    if (word === '') continue
    let match = acls.get(word) ?? OTHER
    if (word === '{') {
      const end = words.indexOf('}', i)
      match = end < 0 ? OTHER : matchOf(words.slice(i + 1, end))
      i = end < 0 ? words.length : end
    }
    any.at(-1)?.push({ isNegated, match })
    isNegated = false
  }
  return { isNegated: words[start] === 'unless', any }
}

/** Clients that a condition means: those from these networks, or all others. */
export interface Clients {
  readonly isOthers: boolean
  readonly nets: readonly string[]
}

/** A condition that looks at nothing but where clients come from; undefined: it looks at more, or in a way that no list can say. */
export function clientsOf({ isNegated, any }: Condition): Clients | undefined {
  const terms = any.flat()
  const nets = terms.flatMap(({ match }) => (match.kind === 'src' ? match.nets : []))
  if (terms.length === 0 || terms.some(({ match }) => match.kind !== 'src')) return undefined
  if (any.every((all) => all.length === 1) && terms.every((one) => !one.isNegated)) return { isOthers: isNegated, nets }
  // Not this and not that: none of them.
  if (any.length === 1 && terms.every((one) => one.isNegated)) return { isOthers: !isNegated, nets }
  return undefined
}

/** Names in the ClientHello that a condition means; undefined: it looks at something else. */
export function serverNamesOf({ isNegated, any }: Condition): readonly string[] | undefined {
  const names = any.map((all) => {
    const rest = all.filter(({ match }) => match.kind !== 'hello')
    const [one] = rest
    return rest.length === 1 && one?.match.kind === 'sni' && !all.some((term) => term.isNegated) ? one.match.names : []
  })
  if (isNegated || names.length === 0 || names.some((some) => some.length === 0)) return undefined
  return [...new Set(names.flat())]
}

/** Whether a condition asks for nothing but a ClientHello. */
export const isHello = ({ isNegated, any }: Condition): boolean =>
  !isNegated && any.flat().every((term) => term.match.kind === 'hello' && !term.isNegated)
