import { argumentOf, type Directive } from './directive.js'
import { type Acls, conditionOf, serverNamesOf } from './haproxy-acl.js'
import { linesOf, type Section } from './haproxy-section.js'
import type { Report } from './report.js'

/** A backend that some names in the ClientHello lead to. */
export interface Route {
  readonly line: Directive
  readonly back: Section
  readonly names: readonly string[]
}

/** `use_backend … if { req.ssl_sni … }` lines → routes. Rules that look at anything else are in the report. */
export function routesOf(
  front: Section,
  backends: ReadonlyMap<string, Section>,
  acls: Acls,
  report: Report
): readonly Route[] {
  const taken = new Set<string>()
  return linesOf(front, 'use_backend').flatMap((line): Route[] => {
    const name = argumentOf(line)
    const condition = conditionOf(line.words, acls)
    const names = (condition === undefined ? undefined : serverNamesOf(condition)) ?? []
    if (names.length === 0) {
      report.add(
        'changed',
        line,
        'use_backend',
        'vipd chooses by the name in the ClientHello alone (`req.ssl_sni`), and this rule looks at something else: left out, these connections go where the others go'
      )
      return []
    }
    const back = backends.get(name)
    if (back === undefined) {
      report.add('error', line, 'use_backend', `there is no \`backend ${name}\``)
      return []
    }
    report.carry(line)
    // The first rule that matches decides.
    const fresh = names.filter((one) => !taken.has(one))
    for (const one of fresh) taken.add(one)
    return fresh.length === 0 ? [] : [{ line, back, names: fresh }]
  })
}
