import { execFileSync } from 'node:child_process'
import { expected, type Facts, type Scenario } from './scenario.js'

/** docs/parity.md, from the scenarios. It is written only after every one of them passed, so what they expect is what was seen. */

/** The black-box tests of haproxy.md 3. */
const CASES = 25

/** @param groups the scenarios under their headings */
export function page(groups: Readonly<Record<string, readonly Scenario[]>>): string {
  const all = Object.values(groups).flat()
  const apart = all.filter(({ vipd }) => vipd !== undefined)
  const lines = [
    '# Beside haproxy',
    '',
    '<!-- Written by npm run test:parity -- --docs. Do not edit: edit test/parity/scenarios/. -->',
    '',
    `Each scenario below is played against ${haproxyVersion()} as Debian has it, and against vipd, in the same network`,
    'namespaces with the same clients and servers. vipd is configured by `vipd import` of the very haproxy.cfg that haproxy gets.',
    'What is seen is compared with what stands here, for both: if either does anything else, the test fails.',
    '',
    `\`npm run test:parity\` plays all of it; \`npm run test:parity -- --scenario ${all[0]?.name ?? ''}\` plays one.`,
    '',
    `${all.length} scenarios: in ${all.length - apart.length} both do the same, in ${apart.length} vipd differs on purpose.`,
    '',
    '## Where vipd differs',
    '',
    '| scenario | haproxy | vipd | why |',
    '|---|---|---|---|',
    ...apart.map((scenario) => differenceRow(scenario)),
    '',
    '## All scenarios',
    ''
  ]
  for (const [title, scenarios] of Object.entries(groups))
    lines.push(
      `### ${title}`,
      '',
      '| scenario | what is done | what was seen |',
      '|---|---|---|',
      ...scenarios.map(row),
      ''
    )
  lines.push(...codes(all), ...cases(all))
  return `${lines.join('\n').trimEnd()}\n`
}

function row(scenario: Scenario): string {
  const seen = scenario.vipd === undefined ? `both: ${told(scenario.facts)}` : 'they differ: see above'
  return `| \`${scenario.name}\` | ${cell(scenario.title)} | ${cell(seen)} |`
}

function differenceRow(scenario: Scenario): string {
  const [theirs, ours] = [expected(scenario, 'haproxy'), expected(scenario, 'vipd')]
  const keys = [...new Set([...Object.keys(theirs), ...Object.keys(ours)])]
  const apart = keys.filter((key) => theirs[key] !== ours[key])
  const only = (facts: Facts): string =>
    told(Object.fromEntries(apart.flatMap((key) => (facts[key] === undefined ? [] : [[key, facts[key]]]))))
  return `| \`${scenario.name}\`: ${cell(scenario.title)} | ${cell(only(theirs))} | ${cell(only(ours))} | ${cell(scenario.vipd?.why ?? '')} |`
}

const told = (facts: Facts): string =>
  Object.entries(facts)
    .map(([what, how]) => `${what}: ${how}`)
    .join('; ')

const cell = (text: string): string => text.replace(/\s+/g, ' ').replaceAll('|', '\\|')

/** Which scenarios show each termination state. */
function codes(all: readonly Scenario[]): string[] {
  const found = terminations(all)
  return [
    '## Termination states',
    '',
    'Each one that haproxy’s log had here in TCP mode, and where. `RC`, `PC`, `DD` and `KD` never came about: a missing local',
    'port is `SC` in its log, and sessions that are ended by hand or with their server are `K-` and `D-`.',
    '',
    '| state | scenarios |',
    '|---|---|',
    ...[...found]
      .sort(([one], [other]) => one.localeCompare(other))
      .map(([code, names]) => `| \`${code}\` | ${names.join(', ')} |`),
    ''
  ]
}

/** State → the scenarios in which haproxy's log has it. */
export function terminations(all: readonly Scenario[]): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const { name, facts } of all) {
    const texts = Object.values(facts).flatMap((text) => text.split('; '))
    const seen = texts.flatMap((text) => /(?:^| )([-CcSsPRLIDUK][-RCHDLQT])(?= |,|$)/.exec(text)?.[1] ?? [])
    for (const code of new Set(seen)) found.set(code, [...(found.get(code) ?? []), name])
  }
  return found
}

function cases(all: readonly Scenario[]): string[] {
  const names = (number: number): string =>
    all
      .filter((scenario) => scenario.cases?.includes(number))
      .map(({ name }) => `\`${name}\``)
      .join(', ')
  return [
    '## The 25 black-box tests',
    '',
    '| test | scenarios |',
    '|---|---|',
    ...Array.from({ length: CASES }, (_, index) => `| ${index + 1} | ${names(index + 1)} |`),
    ''
  ]
}

function haproxyVersion(): string {
  const text = execFileSync('haproxy', ['-v'], { encoding: 'utf8', timeout: 5000 })
  return `haproxy ${/version (\d+\.\d+)/i.exec(text)?.[1] ?? ''}`
}
