/** What a run of the bench harness is made of, and what it leaves behind. The report, the plots and `compare` read nothing else. */

/** Something that is measured. Its `key` is its name in the raw file. */
export interface Figure {
  readonly key: string
  readonly title: string
  /** As it is printed: `requests/s`, `µs`, `bytes`, `CPU-s/GB`. */
  readonly unit: string
  readonly better: 'higher' | 'lower' | 'neither'
}

/** One measurement: of one target, in one round. A problem is told in words, never as a zero. */
export type Measured =
  | { readonly ok: true; readonly figures: Readonly<Record<string, number>> }
  | { readonly ok: false; readonly problem: string }

export type Cell = Measured & { readonly target: string; readonly round: number }

/** How long, and how often: a quick run is for day-to-day work and not for quoting. */
export interface Effort {
  readonly isQuick: boolean
  /** Of scenarios that can be repeated at will. */
  readonly rounds: number
  /** Under load in one cell. */
  readonly seconds: number
}

export interface Scenario {
  /** `requests-64-100`: what `--only` takes. */
  readonly name: string
  readonly title: string
  /** In a sentence: what is done, and with what. */
  readonly what: string
  readonly figures: readonly Figure[]
  /** In the order in which they take their turns. */
  readonly targets: readonly string[]
  /** Where it differs from the effort's. */
  readonly rounds?: (effort: Effort) => number
  /** Sets up what its cells need. Rejects where that is impossible: the scenario is then a problem in the report. */
  open(effort: Effort, signal: AbortSignal): Promise<OpenScenario>
}

export interface OpenScenario {
  measure(target: string, round: number): Promise<Measured>
  /** What each target ran on, as text: its configuration, by target. */
  readonly configurations?: Readonly<Record<string, string>>
  /** Targets that take no part, and why: not installed, would not start. */
  readonly absent?: Readonly<Record<string, string>>
  /** Ends every process and removes every namespace it made. Never rejects. */
  close(): Promise<void>
}

export interface ScenarioResult {
  readonly name: string
  readonly title: string
  readonly what: string
  readonly figures: readonly Figure[]
  readonly targets: readonly string[]
  readonly cells: readonly Cell[]
  readonly configurations: Readonly<Record<string, string>>
  readonly absent: Readonly<Record<string, string>>
  /** Why it did not run, or not to its end. */
  readonly problem?: string
  /** When and on which commit, where it was kept from an earlier run. */
  readonly earlier?: { readonly startedAt: string; readonly commit: string }
}

/** The raw file of a run: `bench/report.json`. */
export interface Raw {
  readonly schema: 1
  readonly startedAt: string
  readonly tookS: number
  readonly isQuick: boolean
  /** Where the run was cut short by the user: what is missing then is missing for that reason. */
  readonly isInterrupted: boolean
  readonly command: string
  readonly machine: Machine
  /** By program: `vipd`, `haproxy`, `node`, `wrk`… */
  readonly versions: Readonly<Record<string, string>>
  readonly scenarios: readonly ScenarioResult[]
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly kernel: string
  readonly system: string
  /** Before the run: what else the machine was doing. */
  readonly load: number
  /** vipd's commit, with `+` where the tree was changed. */
  readonly commit: string
}
