import type { Clock } from '../base/clock.js'
import { messageOf } from '../base/errors.js'
import type { CheckConfig } from '../config/check-schema.js'
import type { Argv, ExecResult, Run } from '../os/exec.js'
import type { Credentials } from '../os/users.js'
import { type CheckResult, type Probe, SOCKERR } from './checker.js'
import { excerpt } from './http-head.js'

export interface ExecPorts {
  readonly clock: Pick<Clock, 'now'>
  readonly run: Run
  readonly splitCommand: (line: string) => Argv | undefined
  /** Why a program must not be run; undefined when it may. */
  readonly programProblem: (program: string) => Promise<string | undefined>
  /** Whom a program runs as (null: the script user); undefined: there is no such user, it is not run. Asked at each run. */
  readonly credentialsOf: (user: string | null) => Credentials | undefined
}

export type ExecTarget = Pick<CheckConfig, 'host' | 'port' | 'command' | 'user'>

/** Which server is checked, for the program to know. */
export interface ServerNames {
  readonly service: string
  readonly server: string
}

/** Exit status of a program that calls its server alive but not ready. */
const ALIVE_STATUS = 3
/** How long it is believed that a program may be run. */
const BELIEVED_MS = 60_000

/**
 * A program as a check: exit status 0 is ready, 3 alive but not ready, all else dead. It learns its server from its
 * environment, by haproxy's names and ours. A program that may not be run says nothing of the server.
 */
export function execProbe(target: ExecTarget, names: ServerNames, ports: ExecPorts): Probe {
  const argv = ports.splitCommand(target.command ?? '')
  const env = environmentOf(target, names)
  let believedUntil = Number.NEGATIVE_INFINITY
  let cancel = new AbortController()

  const problemOf = async (): Promise<string | undefined> => {
    if (argv === undefined) return `${target.command} is no command line: a quote is not closed`
    const now = ports.clock.now()
    if (now < believedUntil) return undefined
    const problem = await ports.programProblem(argv[0]).catch(messageOf)
    if (problem === undefined) believedUntil = now + BELIEVED_MS
    return problem
  }

  const check = async (timeoutMs: number, signal: AbortSignal): Promise<CheckResult | undefined> => {
    const problem = await problemOf()
    if (argv === undefined || problem !== undefined) return refused(problem ?? 'refused')
    const credentials = ports.credentialsOf(target.user)
    if (credentials === undefined) return refused(`there is no user ${target.user ?? 'nobody'} to run it as`)
    return resultOf(await ports.run(argv, { timeoutMs, env, signal, ...credentials }))
  }

  const probe = (timeoutMs: number, done: (result: CheckResult) => void): void => {
    const { signal } = cancel
    void check(timeoutMs, signal).then((result) => {
      if (result !== undefined && !signal.aborted) done(result)
    })
  }
  const close = (): void => {
    cancel.abort()
    cancel = new AbortController()
  }
  return Object.assign(probe, { close })
}

const refused = (detail: string): CheckResult => ({
  isOk: false,
  isAlive: true,
  isUnsure: true,
  isSilent: true,
  code: 'PROCERR',
  detail,
  tookMs: 0
})

/** @returns undefined for a run that was given up */
function resultOf(result: ExecResult): CheckResult | undefined {
  const { tookMs } = result
  const line = excerpt(result.output.trimStart().split('\n')[0] ?? '', 200)
  const told = (what: string): string => (line === '' ? what : `${what}: ${line}`)
  if (result.ok) return { isOk: true, code: 'PROCOK', detail: told('exit status 0'), tookMs }
  switch (result.why) {
    case 'exit':
      return {
        isOk: false,
        isAlive: result.code === ALIVE_STATUS,
        code: 'PROCERR',
        detail: told(result.detail),
        tookMs
      }
    case 'signal':
      return { isOk: false, code: 'PROCERR', detail: told(result.detail), tookMs }
    case 'timeout':
      return { isOk: false, code: 'PROCTOUT', detail: told(result.detail), tookMs }
    case 'spawn':
      return { isOk: false, code: SOCKERR, detail: result.detail, tookMs }
    case 'cancelled':
      return undefined
  }
}

const environmentOf = ({ host, port }: ExecTarget, { service, server }: ServerNames) => ({
  VIPD_SERVICE: service,
  VIPD_SERVER: server,
  VIPD_SERVER_ADDR: host,
  VIPD_SERVER_PORT: String(port),
  HAPROXY_PROXY_NAME: service,
  HAPROXY_SERVER_NAME: server,
  HAPROXY_SERVER_ADDR: host,
  HAPROXY_SERVER_PORT: String(port)
})
