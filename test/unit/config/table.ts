import t from 'tap'
import { parseConfig } from '../../../src/config/load.js'
import { formatProblem } from '../../../src/config/problem.js'

/** Every problem of a text, as `vipd check -c f` prints them. */
export const problemsOf = (yaml: string): string[] =>
  parseConfig(yaml).problems.map((problem) => formatProblem('f', problem))

/** What is wrong, the text, and what is said about it. */
export type Row = readonly [what: string, yaml: string, ...problems: string[]]

/** Each row says exactly that, and gives a configuration unless something of it is an error. */
export function told(rows: readonly Row[]): void {
  for (const [what, yaml, ...expected] of rows) {
    t.test(`${what} is told with its place, the reason and the mend`, async (t) => {
      const { config, problems } = parseConfig(yaml)
      t.strictSame(
        problems.map((problem) => formatProblem('f', problem)),
        expected
      )
      t.equal(
        config === undefined,
        problems.some((one) => one.severity === 'error')
      )
    })
  }
}

/** Nothing is said about any of these. */
export function silent(rows: readonly (readonly [what: string, yaml: string])[]): void {
  for (const [what, yaml] of rows) t.test(`${what} is right`, async (t) => t.strictSame(problemsOf(yaml), []))
}

/** An instance of IPv4, with further lines of its own. */
export const instance4 = (...lines: readonly string[]): string => instance('10.0.0.99', lines)

/** An instance of IPv6, with further lines of its own. */
export const instance6 = (...lines: readonly string[]): string => instance('fe80::88:1, fd00::99', lines)

const instance = (addresses: string, lines: readonly string[]): string =>
  [
    'vrrp:',
    '  - name: VI_1',
    '    interface: bond0',
    '    virtual_router_id: 88',
    `    virtual_ipaddress: [ ${addresses} ]`,
    ...lines.map((line) => `    ${line}`),
    ''
  ].join('\n')

/** A second instance behind the first. */
export const second = (name: string, ...lines: readonly string[]): string =>
  [`  - name: ${name}`, '    interface: bond0', ...lines.map((line) => `    ${line}`), ''].join('\n')
