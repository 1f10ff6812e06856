import { argumentOf, type Directive, keywordOf } from './directive.js'
import type { Report } from './report.js'

/** A listen, frontend, backend or defaults section with what it inherits. */
export interface Section {
  readonly head: Directive
  readonly kind: string
  readonly name: string
  readonly own: readonly Directive[]
  /** Lines of the defaults above it, the farthest first. */
  readonly inherited: readonly Directive[]
}

/** The sections that carry traffic, each with the defaults that apply to it. */
export function proxiesOf(sections: readonly Directive[], report: Report): Section[] {
  const named = new Map<string, Section>()
  const proxies: Section[] = []
  let latest: readonly Directive[] = []
  for (const head of sections) {
    const kind = keywordOf(head)
    if (!PROXY_KINDS.has(kind)) continue
    const from = head.words.indexOf('from')
    const base = from < 0 ? undefined : (head.words[from + 1] ?? '')
    if (base !== undefined && !named.has(base)) {
      report.add('error', head, kind, `there is no \`defaults ${base}\` above it to take from`)
    }
    const parent = named.get(base ?? '')
    const inherited = parent === undefined ? (kind === 'defaults' ? [] : latest) : [...parent.inherited, ...parent.own]
    const name = head.words[1] === 'from' ? '' : argumentOf(head)
    const proxy = { head, kind, name, own: [...legacyBind(head), ...(head.block ?? [])], inherited }
    if (kind === 'defaults') {
      latest = [...inherited, ...proxy.own]
      if (name !== '') named.set(name, proxy)
    } else if (name === '') {
      report.add('error', head, kind, `needs a name: \`${kind} NAME\``)
    }
    proxies.push(proxy)
  }
  return proxies
}

const PROXY_KINDS: ReadonlySet<string> = new Set(['defaults', 'listen', 'frontend', 'backend'])

/** `listen NAME ADDRESS:PORT`, as very old files have it. */
function legacyBind(head: Directive): Directive[] {
  const address = head.words[2]
  if (address === undefined || address === 'from' || head.words[1] === 'from') return []
  return [{ ...head, words: ['bind', ...head.words.slice(2)], above: [], beside: '', block: undefined, tail: [] }]
}

/** A line's keyword, with its second word where that is part of it: 'option redispatch', 'timeout connect'. */
export function fullKeyword(line: Directive): string {
  const words = line.words[0] === 'no' ? line.words.slice(1) : line.words
  const [first = '', second = ''] = words
  return first === 'option' || first === 'timeout' ? `${first} ${second}` : first
}

/** True for `no option …`. */
export const isNegated = (line: Directive): boolean => line.words[0] === 'no'

/** The line that counts: the last one of its own section, else of the defaults. */
export const settingOf = (proxy: Section, keyword: string): Directive | undefined => linesOf(proxy, keyword).at(-1)

/** Every line with this keyword that applies, the one that counts last. */
export const linesOf = (proxy: Section, keyword: string): readonly Directive[] =>
  [...proxy.inherited, ...proxy.own].filter((line) => fullKeyword(line) === keyword)

/** The mode of a section: tcp unless it says otherwise. */
export function modeOf(proxy: Section): string {
  const line = settingOf(proxy, 'mode')
  return line === undefined ? 'tcp' : argumentOf(line)
}
