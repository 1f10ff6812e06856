/** What the judge and its actors say to each other. An actor is a process in one namespace that plays clients or servers. */

/** How a scripted server deals with each connection. */
export interface Behaviour {
  /** Said as soon as the connection is there. */
  readonly hello?: string
  /** It says what it hears. */
  readonly echo?: boolean
  /** What follows the other side's FIN: its own FIN (unless given), or nothing until the judge says so. */
  readonly onEnd?: 'end' | 'keep'
  /** Every HTTP request is answered so. */
  readonly http?: { readonly status: number; readonly body?: string }
  /** PEM: the connection is TLS. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** It reads nothing until the judge says so. */
  readonly isPaused?: boolean
  /** It says its hello and then FIN. */
  readonly isBrief?: boolean
}

/** Where a connection goes: a port, or a unix socket. */
export type Target = { readonly host: string; readonly port: number } | { readonly path: string }

export interface ConnectOptions {
  readonly to: Target
  /** Local address. */
  readonly from?: string
  /** TLS with this name asked for. */
  readonly servername?: string
  readonly onEnd?: 'end' | 'keep'
  /** Said at once, before anything is heard. */
  readonly says?: string
}

export interface VisitOptions {
  readonly to: Target
  readonly count: number
  readonly from?: string
  /** What it does once it has heard a line: closes by FIN, by RST, or stays. */
  readonly leave: 'fin' | 'rst' | 'hold'
  /** Without it the first line is waited for; with it, it leaves as soon as it is connected. */
  readonly isSilent?: boolean
  readonly everyMs?: number
  /** So many at a time. @default 1 */
  readonly together?: number
  readonly deadlineMs?: number
}

/** What one short visit came to. */
export interface Visit {
  /** The first line heard; '' without one. */
  readonly said: string
  /** Until that, or until the end. */
  readonly tookMs: number
  /** ok: a line was heard (or it was not waited for). */
  readonly outcome: 'ok' | 'eof' | 'reset' | 'refused' | 'late' | 'error'
  readonly port: number
}

export type Command =
  | {
      readonly do: 'listen'
      readonly id: string
      readonly host: string
      readonly port: number
      readonly how: Behaviour
    }
  | { readonly do: 'behave'; readonly id: string; readonly how: Behaviour }
  | { readonly do: 'unlisten'; readonly id: string }
  | { readonly do: 'connect'; readonly id: string; readonly options: ConnectOptions }
  /** `everyMs`: in single bytes, one each so often. */
  | { readonly do: 'say'; readonly id: string; readonly text: string; readonly everyMs?: number }
  | { readonly do: 'end' | 'reset' | 'pause' | 'resume'; readonly id: string }
  /** Reads at most 64 KiB in each so many milliseconds. */
  | { readonly do: 'sip'; readonly id: string; readonly everyMs: number }
  /** Says so many bytes in chunks of random lengths; answers their SHA-256. */
  | { readonly do: 'pump'; readonly id: string; readonly bytes: number }
  | { readonly do: 'visits'; readonly options: VisitOptions }
  /** What visits that stayed hold is let go. */
  | { readonly do: 'release'; readonly how: 'fin' | 'rst' }
  | { readonly do: 'syslog'; readonly host: string; readonly port: number }
  /** How late its timers were at most since it was last asked. */
  | { readonly do: 'lateness' }

export type Request = Command & { readonly request: number }

/** How a connection came to its end, as this side saw it. */
export type Ending = 'eof' | 'reset' | 'refused' | 'timeout' | 'unreachable' | 'error'

/** `at`: CLOCK_MONOTONIC, the same in every process. */
export type Told =
  | { readonly tell: 'answer'; readonly request: number; readonly result: unknown; readonly error?: string }
  | {
      readonly tell: 'accepted'
      readonly at: number
      readonly listener: string
      readonly id: string
      readonly remote: string
    }
  | { readonly tell: 'connected'; readonly at: number; readonly id: string; readonly local: string }
  | { readonly tell: 'heard'; readonly at: number; readonly id: string; readonly text: string; readonly bytes: number }
  | {
      readonly tell: 'ending'
      readonly at: number
      readonly id: string
      readonly ending: Ending
      readonly detail: string
      readonly sha256: string
    }
  | { readonly tell: 'datagram'; readonly at: number; readonly text: string }
