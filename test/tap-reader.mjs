// Reads TAP 14 as tap prints it (`# Subtest: name`, body indented by 4, `ok N - name`) and counts leaf subtests.

const RESULT = /^(\s*)(not )?ok(?: \d+)?(?: - (.*?))?(?: # (?:time=([\d.]+)ms|(SKIP|TODO)\b ?(.*)))?( \{)?$/i
const SUBTEST = /^(\s*)# Subtest: (.*)$/

export class TapReader {
  total = { passed: 0, failed: 0, skipped: 0 }
  #onFile
  #open = []
  #file = newFile()
  #yaml = null
  /** The file that has ended, until what follows its result has been read. */
  #late = null
  /** Where the explanation that may follow a result belongs. */
  #keeper = null

  /** @param onFile called for each test file when it has ended */
  constructor(onFile) {
    this.#onFile = onFile
  }

  take(line) {
    if (this.#yaml !== null) {
      const isSource = this.#yaml.skip !== null && (line.trim() === '' || indentOf(line) > this.#yaml.skip)
      if (!isSource) this.#yaml.skip = /^\s*source:/.test(line) ? indentOf(line) : null
      if (!isSource && this.#yaml.skip === null && line.trim() !== '...' && this.#yaml.lines.length < 80)
        this.#yaml.lines.push(line)
      if (line.trim() === '...' && line.indexOf('.') === this.#yaml.indent) this.#yaml = null
      return
    }
    const subtest = SUBTEST.exec(line)
    const result = RESULT.exec(line)
    if (subtest !== null || result !== null) this.#flush()
    if (subtest !== null) {
      const parent = this.#open.at(-1)
      if (parent !== undefined) parent.hasSubtests = true
      this.#open.push({ indent: subtest[1].length, name: subtest[2], hasSubtests: false, failedInside: 0, lines: [] })
      return
    }
    if (result !== null) {
      this.#result(line, result[1].length, result[2] !== undefined, result[3] ?? '', result[4], result[5], result[6])
      return
    }
    const yaml = /^(\s*)---$/.exec(line)
    const keeper = this.#keeper
    this.#keeper = null
    if (yaml !== null) this.#yaml = { indent: yaml[1].length, lines: keeper ?? [], skip: null }
    if (/^\s*Bail out!/.test(line)) this.#fail(line.trim())
  }

  /** What stands open when the output ends was cut off. */
  end() {
    this.#flush()
    if (this.#open.length === 0) return
    this.#fail(`cut off inside: ${this.#open.map((one) => one.name).join(' > ')}`)
    this.#open = []
    this.#late = ['(cut off)', 0]
    this.#flush()
  }

  #result(line, indent, isBad, name, timeMs, directive, reason) {
    this.#keeper = null
    const open = this.#open.at(-1)
    if (open === undefined && indent === 0) {
      // A file that ended before its first subtest.
      const lines = [line]
      if (isBad) this.#fail(name, lines)
      else if (directive?.toUpperCase() === 'SKIP') this.#skip(`${name}: ${reason}`)
      else this.#file.passed += 1
      this.#keeper = lines
      this.#late = [name, Number(timeMs ?? 0)]
      return
    }
    if (open === undefined || open.indent !== indent) {
      // An assertion inside `open`.
      if (isBad && directive?.toUpperCase() !== 'TODO' && open !== undefined) {
        open.lines.push(line)
        this.#keeper = open.lines
      }
      if (directive?.toUpperCase() === 'SKIP') this.#skip(`${this.#path()} > ${line.trim()}`)
      return
    }
    this.#open.pop()
    const isLeaf = !open.hasSubtests
    const path = [...this.#open, open].map((one) => one.name).join(' > ')
    if (directive?.toUpperCase() === 'SKIP') this.#skip(`${open.name}: ${reason}`)
    else if (isBad && (isLeaf || open.failedInside === 0)) this.#fail(path, open.lines)
    else if (!isBad && isLeaf && !(indent === 0 && this.#file.skipped > 0)) this.#file.passed += 1
    const parent = this.#open.at(-1)
    if (isBad && parent !== undefined) parent.failedInside += 1
    if (isBad && open.lines.length === 0) this.#keeper = open.lines
    if (indent === 0) this.#late = [open.name, Number(timeMs ?? 0)]
  }

  #path() {
    return this.#open.map((one) => one.name).join(' > ')
  }

  #skip(what) {
    this.#file.skipped += 1
    this.#file.skips.push(what)
  }

  /** `lines` may still grow: what explains a failure comes after it. */
  #fail(what, lines = []) {
    this.#file.failed += 1
    this.#file.failures.push({ what, lines })
  }

  #flush() {
    if (this.#late === null) return
    const [name, tookMs] = this.#late
    this.#late = null
    const file = this.#file
    for (const key of Object.keys(this.total)) this.total[key] += file[key]
    const failures = file.failures.map(({ what, lines }) => [`       ${what}`, ...outdented(lines)].join('\n'))
    this.#onFile({ ...file, failures, path: name, name: name.replace(/^dist\//, ''), tookMs })
    this.#file = newFile()
  }
}

function newFile() {
  return { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] }
}

function indentOf(line) {
  return line.length - line.trimStart().length
}

function outdented(lines) {
  const least = Math.min(...lines.filter((line) => line.trim() !== '').map(indentOf))
  return lines.map((line) => `         ${line.slice(least)}`)
}
