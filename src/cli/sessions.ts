import type { CommandModule } from 'yargs'
import type { SessionsAnswer } from '../admin/client.js'
import type { ServerName } from '../admin/status.js'
import type { SessionView } from '../proxy/session-view.js'
import { columns } from './columns.js'
import { EXIT } from './exit.js'
import { misuse, serverNameOf } from './names.js'
import { socketOption } from './options.js'
import { bytes, printable, span } from './text.js'

interface SessionsOptions {
  readonly socket: string
  readonly action: string | undefined
  readonly ids: readonly string[] | undefined
  readonly service: string | undefined
  readonly server: string | undefined
  readonly limit: string
  readonly json: boolean | undefined
}

const MOST = 10_000
const NO_SERVER = '--server must be SERVICE/SERVER, as `vipd status` names them'

/** `vipd sessions`: the living connections, the oldest first; with `kill`, their end. */
export const sessionsCommand: CommandModule<object, SessionsOptions> = {
  command: 'sessions [action] [ids..]',
  describe: 'Show the living connections, the oldest first, or end some of them',
  builder: (yargs) =>
    yargs
      // The program's rule, that the last counts of what is given twice, would be one for the ids too.
      .parserConfiguration({ 'duplicate-arguments-array': true })
      .coerce(['service', 'server', 'limit', 'json', 'socket'], lastOf)
      .usage(
        '$0 sessions [--service NAME|--server SERVICE/SERVER]\n$0 sessions kill ID…\n$0 sessions kill --server SERVICE/SERVER'
      )
      .positional('action', { type: 'string', describe: 'kill: end them; the server is reset, the client sees an end' })
      .positional('ids', { type: 'string', array: true, describe: 'Their ids, as the table shows them' })
      .option('service', { type: 'string', requiresArg: true, describe: 'Of this service alone' })
      .option('server', { type: 'string', requiresArg: true, describe: 'Of this server alone: SERVICE/SERVER' })
      .option('limit', { type: 'string', default: '100', requiresArg: true, describe: `Show so many, at most ${MOST}` })
      .option('json', { type: 'boolean', describe: 'The same as JSON' })
      .option('socket', socketOption)
      .conflicts('service', 'server')
      .example('$0 sessions --server https-apiserver/apiserver02', 'who is still there')
      .example('$0 sessions kill 0x1f 0x2a', 'end two of them'),
  handler: async (options) => {
    switch (options.action) {
      case undefined:
        return show(options)
      case 'kill':
        return kill(options)
      default:
        return misuse(`${printable(options.action)} is nothing to do with sessions: kill is`)
    }
  }
}

const lastOf = (given: unknown): unknown => (Array.isArray(given) ? given.at(-1) : given)

async function show({ socket, service, server, limit, json }: SessionsOptions): Promise<void> {
  if (!/^[1-9]\d{0,4}$/.test(limit) || Number(limit) > MOST) return misuse(`--limit must be a number from 1 to ${MOST}`)
  const named = server === undefined ? { service: service ?? null, server: null } : serverNameOf(server)
  if (named === undefined) return misuse(NO_SERVER)
  const { getSessions } = await import('../admin/client.js')
  const answer = await getSessions(socket, { ...named, limit: Number(limit) })
  process.stdout.write(json === true ? `${JSON.stringify(answer, null, 2)}\n` : sessionLines(answer))
}

async function kill(options: SessionsOptions): Promise<void> {
  const what = killOf(options)
  if (typeof what === 'string') return misuse(what)
  const { postKill } = await import('../admin/client.js')
  const { ended, unknown } = await postKill(options.socket, what)
  if (options.json === true) process.stdout.write(`${JSON.stringify({ ended, unknown })}\n`)
  else process.stdout.write(ended === 1 ? '1 session ended\n' : `${ended} sessions ended\n`)
  if (unknown.length === 0) return
  process.stderr.write(`vipd: no such session: ${unknown.join(', ')}\n`)
  process.exitCode = EXIT.failed
}

/** Which sessions are to end, or what is wrong with the words. */
export function killOf({
  ids = [],
  service,
  server
}: Pick<SessionsOptions, 'ids' | 'service' | 'server'>): { readonly ids: readonly string[] } | ServerName | string {
  if (service !== undefined) return 'kill takes ids, or --server SERVICE/SERVER'
  if (server !== undefined)
    return ids.length > 0 ? 'kill takes ids or --server, not both' : (serverNameOf(server) ?? NO_SERVER)
  if (ids.length === 0) return 'say which sessions: ids, or --server SERVICE/SERVER'
  const wrong = ids.find((id) => !/^0x[0-9a-f]{1,14}$/i.test(id))
  return wrong === undefined ? { ids } : `${printable(wrong)} is no session: ids are like 0x1f, see \`vipd sessions\``
}

/** Sessions for a person, the oldest first, and how many there are more. */
export function sessionLines({ sessions, total }: SessionsAnswer): string {
  if (sessions.length === 0) return 'no sessions\n'
  const head = ['ID', 'AGE', 'IDLE', 'CLIENT', 'SERVER', 'STATE', 'IN', 'OUT']
  const lines = columns(head, sessions.map(rowOf), ['IN', 'OUT'])
  const more = total > sessions.length ? [`the oldest ${sessions.length} of ${total}: --limit shows more`] : []
  return `${[...lines, ...more].join('\n')}\n`
}

function rowOf(one: SessionView): string[] {
  const via = one.backend === one.service ? '' : `${one.service} → `
  return [
    one.id,
    span(Math.floor(one.age_ms / 1000)),
    span(Math.floor(one.idle_ms / 1000)),
    one.client,
    `${via}${one.backend}/${one.server ?? '-'}`,
    one.state,
    bytes(one.bytes_in),
    bytes(one.bytes_out)
  ]
}
