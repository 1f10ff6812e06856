import type { Behaviour } from './protocol.js'
import type { Stage } from './stage.js'
import type { Side } from './subject.js'
import type { Tree } from './vipd.js'

/** What was seen, in words that are the same in every run: what → how it was. */
export type Facts = Readonly<Record<string, string>>

/** One thing that is done to both proxies. */
export interface Scenario {
  readonly name: string
  /** Its behaviour, as a sentence. */
  readonly title: string
  /** Numbers of the black-box tests in haproxy.md 3. */
  readonly cases?: readonly number[]
  /** haproxy.cfg; vipd gets what `vipd import` makes of it. FOLDER stands for a folder of the run. */
  readonly cfg: string
  /** Where vipd is to be set otherwise than its import did: at the top, and in every service. */
  readonly vipdTop?: Tree
  readonly vipdService?: Tree
  /** Words before the program's own. */
  readonly wrapper?: Partial<Readonly<Record<Side, readonly string[]>>>
  /** haproxy runs as a master with workers. */
  readonly isReloaded?: boolean
  /** What the report of the import must have a word about: what is not the same afterwards is not silent. */
  readonly importSays?: readonly string[]
  /** It takes long, and so is begun first. */
  readonly isLong?: boolean
  /** The scenario starts the proxy itself. */
  readonly isStartedByPlay?: boolean
  readonly servers: Readonly<Record<string, Behaviour>>
  readonly play: (stage: Stage) => Promise<Facts>
  /** What haproxy does, and vipd unless `vipd` says otherwise. */
  readonly facts: Facts
  /** Where vipd differs on purpose: those facts, and why that is right. */
  readonly vipd?: { readonly facts: Facts; readonly why: string }
}

/** What this side of the scenario must come to. */
export function expected(scenario: Scenario, side: Side): Facts {
  return side === 'vipd' ? { ...scenario.facts, ...scenario.vipd?.facts } : scenario.facts
}
