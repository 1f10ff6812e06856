/** What a tracked thing is now. */
export interface TrackState {
  /** init: not known yet. */
  readonly state: 'init' | 'up' | 'down'
  /** A track file's number, -254 to 254; 0 for everything else. */
  readonly value: number
  /** What it rests on, for people: 'exit status 2', '0 of 1 run'. */
  readonly detail: string
}

/** Something an instance's priority hangs on. Its `level` holds at any time; `onChange` says that it is worth a look. */
export interface Tracker {
  readonly name: string
  readonly level: TrackState
  start(): void
  /** For good. No change comes after it, and what runs is ended. */
  stop(): void
}
