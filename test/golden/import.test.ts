import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { type Conversion, convert, type Source } from '../../src/config/import/convert.js'
import { formatReport } from '../../src/config/import/report.js'
import { parseConfig } from '../../src/config/load.js'

/**
 * Each test/golden/import/*.txt: the old files, each under a line `>>> NAME`; a line of dashes; the YAML expected; a
 * line of dashes; the report expected. UPDATE_GOLDEN=1 writes what comes out: review it as a diff.
 */
const FOLDER = fileURLToPath(new URL('../../../test/golden/import/', import.meta.url))
const DASHES = '----------------------------------------\n'
const isUpdate = process.env['UPDATE_GOLDEN'] === '1'

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.txt'))) {
  t.test(file, async (t) => {
    const golden = readFileSync(FOLDER + file, 'utf8')
    const [input = ''] = golden.split(DASHES)
    const result = convertAll(input)
    const report = formatReport(result.notes, result.carried, { colour: false })
    const actual = [input.trimEnd().concat('\n'), result.yaml || `(${result.outcome})\n`, report].join(DASHES)
    if (isUpdate) writeFileSync(FOLDER + file, actual)
    else t.equal(actual, golden)
    if (result.outcome === 'done') {
      const { config, problems } = parseConfig(result.yaml)
      t.ok(config, 'passes `vipd check`', { problems })
    }
  })
}

function convertAll(input: string): Conversion {
  const sources = input
    .split(/^>>> /m)
    .slice(1)
    .map((text): Source => {
      const end = text.indexOf('\n')
      return {
        path: text.slice(0, end),
        text: text
          .slice(end + 1)
          .trimEnd()
          .concat('\n')
      }
    })
  const named = (prefix: string): Source | undefined => sources.find(({ path }) => path.startsWith(prefix))
  return convert(named('keepalived'), named('haproxy'))
}
