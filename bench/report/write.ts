import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Raw } from '../model.js'
import { markdown } from './markdown.js'
import { plot } from './plot.js'

/** Writes `report.md`, `report.json` and `plots/*.svg`; plots of an earlier run go. */
export async function writeReport(raw: Raw, folder: string): Promise<void> {
  const plots = new Map<string, string>()
  const into = join(folder, 'plots')
  await mkdir(into, { recursive: true })
  for (const file of await readdir(into)) if (file.endsWith('.svg')) await rm(join(into, file))
  for (const scenario of raw.scenarios) {
    const svg = plot(scenario)
    if (svg === undefined) continue
    plots.set(scenario.name, `plots/${scenario.name}.svg`)
    await put(join(into, `${scenario.name}.svg`), svg)
  }
  await put(join(folder, 'report.json'), `${JSON.stringify(raw, null, 1)}\n`)
  await put(join(folder, 'report.md'), markdown(raw, plots))
}

async function put(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path)
}
