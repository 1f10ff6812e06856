import { errorAt, type Path, type Problem, unique, warningAt } from './problem.js'
import type { CheckConfig, Config } from './schema.js'
import { type Written, writtenFor, writtenIn } from './written.js'

/** What only the host can say about a configuration: passed in, since it is I/O. */
export interface HostChecks {
  /** Program and arguments of a command line; undefined: a quote is not closed, or there is nothing. */
  splitCommand(command: string): readonly [string, ...string[]] | undefined
  /**
   * Why a program must not be run (missing, not executable, others may write it), as a sentence; undefined: nothing.
   * @param user who it runs as; null: whoever scripts run as that say nothing
   */
  programProblem(path: string, user: string | null): Promise<string | undefined>
  /** Why a file cannot be a key (missing, readable by others), as a sentence; undefined: nothing. */
  keyProblem(path: string): Promise<string | undefined>
  /** Why a file cannot be read now, as a sentence; undefined: it can. */
  fileProblem(path: string): Promise<string | undefined>
}

/** Every program and file of a configuration that the host has something against. Each is looked at once. */
export async function hostProblems(
  config: Config,
  host: HostChecks,
  written: Written = writtenIn(undefined)
): Promise<Problem[]> {
  const programs = remembered((path, user) => host.programProblem(path, user))
  const keys = remembered((path) => host.keyProblem(path))
  const files = remembered((path) => host.fileProblem(path))
  const problems: Problem[] = []
  for (const { path, command, shell, user } of [...commandsOf(config), ...checkCommands(config, written)]) {
    const program = host.splitCommand(command)?.[0]
    if (program === undefined) {
      if (!shell) problems.push(errorAt(path, 'a quote is not closed: give it its other end, or put a \\ before it'))
    } else if (!shell || /^\/[\w./+-]+$/.test(program)) {
      // A shell is told more than programs; what begins with a path is one that it would run.
      const why = await programs(program, user ?? config.global.scriptUser)
      if (why !== undefined) problems.push(errorAt(path, why))
    }
  }
  for (const { path, file } of keyFilesOf(config)) {
    const why = await keys(file, null)
    if (why !== undefined) problems.push(errorAt(path, why))
  }
  for (const { path, file } of checkFiles(config, written)) {
    // It may come yet, as certificates do that are renewed: until then the check fails, with this reason.
    const why = await files(file, null)
    if (why !== undefined) problems.push(warningAt(path, why))
  }
  return unique(problems)
}

type Look = (path: string, user: string | null) => Promise<string | undefined>

/** One look at each path, whatever the number of places that name it. */
function remembered(look: Look): Look {
  const seen = new Map<string, Promise<string | undefined>>()
  return (path, user) => {
    const key = `${user ?? ''}\0${path}`
    const answer = seen.get(key) ?? look(path, user)
    seen.set(key, answer)
    return answer
  }
}

interface Command {
  readonly path: Path
  readonly command: string
  readonly shell: boolean
  readonly user: string | null
}

function commandsOf(config: Config): Command[] {
  return [
    ...config.scripts.map((one, i) => ({
      path: ['vrrp_script', i, 'script'],
      command: one.script,
      shell: one.shell,
      user: one.user
    })),
    ...config.groups.flatMap((one, i) => notifyCommands(one.notify, ['vrrp_sync_group', i])),
    ...config.vrrp.flatMap((one, i) => notifyCommands(one.notify, ['vrrp', i]))
  ]
}

type Notify = Config['vrrp'][number]['notify']

const notifyCommands = (notify: Notify, at: Path): Command[] => {
  const keys = [
    ['notify_master', notify.master],
    ['notify_backup', notify.backup],
    ['notify_fault', notify.fault],
    ['notify_stop', notify.stop],
    ['notify', notify.any]
  ] as const
  return keys.flatMap(([key, command]) =>
    command === null ? [] : [{ path: [...at, key], command, shell: false, user: null }]
  )
}

const keyFilesOf = (config: Config): { readonly path: Path; readonly file: string }[] => {
  const common = config.peers?.key.file ?? null
  return [
    ...(common === null ? [] : [{ path: ['peers', 'key_file'], file: common }]),
    ...config.vrrp.flatMap((one, i) =>
      (one.authHmac?.keys ?? []).flatMap(({ file }, k) =>
        file === null ? [] : [{ path: ['vrrp', i, 'auth_hmac', 'key', k, 'file'], file }]
      )
    )
  ]
}

/** The checks of all servers, each with where a key of it stands. */
function checksOf(
  config: Config,
  written: Written
): { readonly check: CheckConfig; readonly pathOf: (key: string) => Path }[] {
  return config.proxy.flatMap(({ servers }, i) =>
    servers.flatMap(({ check }, j) =>
      check === null ? [] : [{ check, pathOf: (key: string) => writtenFor(written, ['proxy', i], j, 'check', key) }]
    )
  )
}

const checkCommands = (config: Config, written: Written): Command[] =>
  checksOf(config, written).flatMap(({ check, pathOf }) =>
    check.command === null ? [] : [{ path: pathOf('command'), command: check.command, shell: false, user: check.user }]
  )

const checkFiles = (config: Config, written: Written): { readonly path: Path; readonly file: string }[] =>
  checksOf(config, written).flatMap(({ check: { http }, pathOf }) =>
    (
      [
        ['ca_file', http?.caFile],
        ['crt', http?.crtFile],
        ['key', http?.keyFile],
        ['token_file', http?.tokenFile]
      ] as const
    ).flatMap(([key, file]) => (typeof file === 'string' ? [{ path: pathOf(key), file }] : []))
  )
