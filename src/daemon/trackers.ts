import type { Config, VrrpConfig } from '../config/schema.js'
import type { Track } from '../config/track-schema.js'
import type { Netlink } from '../os/netlink.js'
import type { Tracker, TrackState } from '../track/tracker.js'
import type { Tracked } from '../vrrp/tracking.js'

export type TrackerKind = 'script' | 'file' | 'process'

interface Running {
  readonly tracker: Tracker
  /** Its configuration as text: another one is another tracker. */
  readonly made: string
  /** What it counts as until it has a result of its own: a reload is no reason for a fault. */
  readonly assumed: TrackState | undefined
  readonly weight: number
}

export interface TrackersPorts {
  readonly netlink: Pick<Netlink, 'link'>
  readonly make: {
    readonly [Kind in TrackerKind]: (config: Entry<Kind>, global: Config['global']) => Tracker
  }
}

type Entry<Kind extends TrackerKind> = Kind extends 'script'
  ? Config['scripts'][number]
  : Kind extends 'file'
    ? Config['trackFiles'][number]
    : Config['trackProcesses'][number]

/** Every script, file and process that instances hang on: each is looked at once, however many hang on it. */
export class Trackers {
  readonly #ports: TrackersPorts
  #running = new Map<string, Running>()
  #hasRun = false

  constructor(ports: TrackersPorts) {
    this.#ports = ports
  }

  /** Those of a configuration: what is as it was goes on, with what it knows. */
  configure(config: Config): void {
    const { make } = this.#ports
    const { global } = config
    const used = new Set(
      [...config.vrrp, ...config.groups].flatMap(({ track }) => [
        ...track.scripts.map((one) => `script ${one.name}`),
        ...track.files.map((one) => `file ${one.name}`),
        ...track.processes.map((one) => `process ${one.name}`)
      ])
    )
    const wanted = [
      ...config.scripts.map((one) => ({ kind: 'script' as const, one, make: () => make.script(one, global) })),
      ...config.trackFiles.map((one) => ({ kind: 'file' as const, one, make: () => make.file(one, global) })),
      ...config.trackProcesses.map((one) => ({ kind: 'process' as const, one, make: () => make.process(one, global) }))
    ].filter(({ kind, one }) => used.has(`${kind} ${one.name}`))
    const before = this.#running
    this.#running = new Map()
    for (const { kind, one, make } of wanted) {
      const key = `${kind} ${one.name}`
      const made = JSON.stringify([one, kind === 'script' ? global.scriptUser : null])
      const old = before.get(key)
      if (old?.made === made) {
        this.#running.set(key, old)
        continue
      }
      const tracker = make()
      const assumed = old === undefined ? this.#assumedOf(one) : levelOf(old)
      this.#running.set(key, { tracker, made, weight: one.weight, assumed })
      tracker.start()
    }
    this.#hasRun = true
    for (const [key, { tracker }] of before) if (this.#running.get(key)?.tracker !== tracker) tracker.stop()
  }

  /** What is new in a configuration that is in force already; one with `init_fail` is down until it has shown otherwise. */
  #assumedOf(one: object): TrackState | undefined {
    const isDoubted = 'initFail' in one && one.initFail === true
    return this.#hasRun && !isDoubted ? { state: 'up', value: 0, detail: '' } : undefined
  }

  stop(): void {
    for (const { tracker } of this.#running.values()) tracker.stop()
    this.#running.clear()
  }

  /** What an instance hangs on, as it is now. */
  tracked(config: Pick<VrrpConfig, 'track'>): Tracked[] {
    const { interfaces, scripts, files, processes } = config.track
    return [
      ...interfaces.map((one) => this.#interface(one)),
      ...scripts.map((one) => this.#check('script', one)),
      ...files.map((one) => this.#file(one)),
      ...processes.map((one) => this.#check('process', one))
    ]
  }

  #interface({ name, weight, reverse }: Track): Tracked {
    const link = this.#ports.netlink.link(name)
    const isUp = link?.isUp === true && link.isRunning
    const detail = link === undefined ? 'does not exist' : isUp ? '' : link.isUp ? 'no carrier' : 'switched off'
    const state = isUp !== reverse ? 'up' : 'down'
    return { label: `interface ${name}`, state, weight: weight ?? 0, value: 0, detail }
  }

  #check(kind: 'script' | 'process', { name, weight, reverse }: Track): Tracked {
    const running = this.#running.get(`${kind} ${name}`)
    const { state, detail } = levelOf(running)
    const turned = !reverse || state === 'init' ? state : state === 'up' ? 'down' : 'up'
    return { label: `${kind} ${name}`, state: turned, weight: weight ?? running?.weight ?? 0, value: 0, detail }
  }

  /** keepalived: the number times the weight; with weight 0 any number but 0 is a fault. */
  #file({ name, weight, reverse }: Track): Tracked {
    const running = this.#running.get(`file ${name}`)
    const { value, detail } = levelOf(running)
    const factor = (weight ?? running?.weight ?? 1) * (reverse ? -1 : 1)
    const label = `file ${name}`
    if (factor === 0) return { label, state: value === 0 ? 'up' : 'down', weight: 0, value: 0, detail }
    return { label, state: 'up', weight: 0, value: value * factor, detail: detail || `${value} × ${factor}` }
  }
}

/** As far as is known; of one that is not there, nothing is. */
function levelOf(running: Running | undefined): TrackState {
  const level = running?.tracker.level ?? { state: 'init', value: 0, detail: '' }
  return level.state === 'init' ? (running?.assumed ?? level) : level
}
