import { setTimeout as sleep } from 'node:timers/promises'
import type { CommandModule } from 'yargs'
import type { SessionsAnswer } from '../admin/client.js'
import type { ServerName } from '../admin/status.js'
import { EXIT } from './exit.js'
import { misuse, serverNameOf } from './names.js'
import { socketOption } from './options.js'
import { arrange, type Sessions, SORTS, type Sort, sessionLines, withRates } from './session-table.js'
import { printable } from './text.js'

interface SessionsOptions {
  readonly socket: string
  readonly action: string | undefined
  readonly ids: readonly string[] | undefined
  readonly service: string | undefined
  readonly server: string | undefined
  readonly client: string | undefined
  readonly sort: Sort
  readonly rates: boolean | undefined
  readonly watch: boolean | undefined
  readonly limit: string
  readonly json: boolean | undefined
}

const MOST = 10_000
const NO_SERVER = '--server must be SERVICE/SERVER, as `vipd status` names them'

/** `vipd sessions`: the living connections, filtered and sorted, once or live; with `kill`, their end. */
export const sessionsCommand: CommandModule<object, SessionsOptions> = {
  command: 'sessions [action] [ids..]',
  describe: 'Show the living connections, the oldest first, or end some of them',
  builder: (yargs) =>
    yargs
      // The program's rule, that the last counts of what is given twice, would be one for the ids too.
      .parserConfiguration({ 'duplicate-arguments-array': true })
      .coerce(['service', 'server', 'client', 'sort', 'rates', 'watch', 'limit', 'json', 'socket'], lastOf)
      .usage(
        '$0 sessions [--service NAME|--server SERVICE/SERVER]\n$0 sessions kill ID…\n$0 sessions kill --server SERVICE/SERVER'
      )
      .positional('action', { type: 'string', describe: 'kill: end them; the server is reset, the client sees an end' })
      .positional('ids', { type: 'string', array: true, describe: 'Their ids, as the table shows them' })
      .option('service', { type: 'string', requiresArg: true, describe: 'Of this service alone' })
      .option('server', { type: 'string', requiresArg: true, describe: 'Of this server alone: SERVICE/SERVER' })
      .option('client', {
        type: 'string',
        requiresArg: true,
        describe: 'Of this client: its address, or how it begins'
      })
      .option('sort', {
        choices: SORTS,
        default: 'age' as const,
        requiresArg: true,
        describe: 'What is largest comes first'
      })
      .option('rates', { type: 'boolean', describe: 'Look twice, a second apart: what passes each second' })
      .option('watch', { type: 'boolean', describe: 'Again every second with rates, until Ctrl-C' })
      .option('limit', { type: 'string', default: '100', requiresArg: true, describe: `Show so many, at most ${MOST}` })
      .option('json', { type: 'boolean', describe: 'The same as JSON' })
      .option('socket', socketOption)
      .conflicts('service', 'server')
      .conflicts('json', 'watch')
      .example('$0 sessions --server https-apiserver/apiserver02', 'who is still there')
      .example('$0 sessions --watch --sort rate --limit 20', 'who moves most, live')
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

async function show(options: SessionsOptions): Promise<void> {
  const { socket, service, server, limit, json } = options
  if (!/^[1-9]\d{0,4}$/.test(limit) || Number(limit) > MOST) return misuse(`--limit must be a number from 1 to ${MOST}`)
  const named = server === undefined ? { service: service ?? null, server: null } : serverNameOf(server)
  if (named === undefined) return misuse(NO_SERVER)
  const { getSessions } = await import('../admin/client.js')
  const look = lookWith((most) => getSessions(socket, { ...named, limit: most }), options)
  if (options.watch === true) {
    const { watch } = await import('./watch.js')
    return watch(async () => sessionLines(await look()))
  }
  const answer = await look()
  process.stdout.write(json === true ? `${JSON.stringify(answer, null, 2)}\n` : sessionLines(answer))
}

/** A look at the sessions as asked for. With rates, each look measures from the one before; the first waits a second. */
function lookWith(
  ask: (most: number) => Promise<SessionsAnswer>,
  { client, sort, rates, watch, limit }: SessionsOptions
): () => Promise<Sessions> {
  const hasRates = rates === true || watch === true || sort === 'rate'
  // The daemon gives the oldest: anything else is chosen here, among all.
  const most = hasRates || client !== undefined || sort !== 'age' ? MOST : Number(limit)
  let before: SessionsAnswer['sessions'] | undefined
  return async () => {
    if (hasRates && before === undefined) {
      before = (await ask(most)).sessions
      await sleep(1000)
    }
    const { sessions, total } = await ask(most)
    const rows = arrange(hasRates ? withRates(before ?? [], sessions) : sessions, client, sort)
    before = sessions
    const shown = rows.slice(0, Number(limit))
    return { sessions: shown, total: client === undefined ? total : rows.length }
  }
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
