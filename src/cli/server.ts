import type { CommandModule } from 'yargs'
import type { Status } from '../admin/status.js'
import { parseDuration } from '../base/duration.js'
import type { ServerOrder } from '../proxy/orders.js'
import { columns } from './columns.js'
import { leftOf } from './drain.js'
import { EXIT } from './exit.js'
import { misuse, serverNameOf } from './names.js'
import { socketOption } from './options.js'
import { weightOf } from './service-table.js'
import { ago, printable, span, wrap } from './text.js'
import { waitHere } from './wait-here.js'

interface ServerOptions {
  readonly socket: string
  readonly server: string | undefined
  readonly order: string | undefined
  readonly weight: string | undefined
  readonly wait: boolean | undefined
  readonly timeout: string
}

const ORDERS = 'ready, drain, maint, or weight and a number from 0 to 256'

/** `vipd server`: what may be asked of a server while vipd runs; without a word, the state of each. */
export const serverCommand: CommandModule<object, ServerOptions> = {
  command: 'server [server] [order] [weight]',
  describe: 'Take a server out of rotation, bring it back, or change its weight; without a word show all',
  builder: (yargs) =>
    yargs
      .usage('$0 server SERVICE/SERVER ready|drain|maint\n$0 server SERVICE/SERVER weight N\n$0 server')
      .positional('server', { type: 'string', describe: 'SERVICE/SERVER, as `vipd status` names them' })
      .positional('order', {
        type: 'string',
        describe:
          'ready: as configured and checked. drain: no new connections, those that are there go on. maint: not checked either, its connections are closed. weight: another share of new connections'
      })
      .positional('weight', { type: 'string', describe: '0 to 256; 0 takes no new connections' })
      .option('wait', { type: 'boolean', describe: 'drain: show what is left each second, end when nothing is' })
      .option('timeout', {
        type: 'string',
        default: '5m',
        requiresArg: true,
        describe: 'How long --wait waits; what is left then goes on, and the server drains on'
      })
      .option('socket', socketOption)
      .example('$0 server https-apiserver/apiserver02 drain --wait', 'before its host is rebooted')
      .example('$0 server https-apiserver/apiserver02 ready', 'afterwards')
      .epilogue(
        'An order holds until the next one, until vipd starts again, or until a reload changes what it stands in for.'
      ),
  handler: async (options) => {
    const { socket, server, wait } = options
    if (server === undefined) return showAll(socket)
    const name = serverNameOf(server)
    if (name === undefined) return misuse(`${printable(server)} must be SERVICE/SERVER, as \`vipd status\` names them`)
    const order = orderOf(options)
    if (typeof order === 'string') return misuse(order)
    const timeoutMs = parseDuration(options.timeout, 's')
    if (timeoutMs === undefined) return misuse('--timeout must be a duration, like 30s or 5m')
    const isDrain = order.kind === 'state' && order.state === 'drain'
    if (wait === true && !isDrain) return misuse('--wait belongs to drain')
    const { getStatus, postServer } = await import('../admin/client.js')
    const { status, detail } = await postServer(socket, name, order)
    process.stdout.write(`${server}: ${status}${detail === '' ? '' : `, ${printable(detail)}`}\n`)
    if (wait !== true) return
    const drained = await waitHere(timeoutMs, async () => leftOf(await getStatus(socket), name))
    if (drained.kind === 'drained') return
    process.stderr.write(
      `vipd: ${drained.kind === 'over' ? drained.why : drainsOn(server, timeoutMs, drained.words)}\n`
    )
    process.exitCode = EXIT.failed
  }
}

/** @param words how many sessions are left */
export function drainsOn(server: string, timeoutMs: number, words: string): string {
  const after = `${words} after ${span(Math.round(timeoutMs / 1000))}, ${server} drains on`
  return `${after}: \`vipd sessions --server ${server}\` shows them, \`vipd sessions kill --server ${server}\` ends them`
}

/** What two words ask for, or what is wrong with them. */
export function orderOf({ order, weight }: Pick<ServerOptions, 'order' | 'weight'>): ServerOrder | string {
  switch (order) {
    case undefined:
      return `say what to do with it: ${ORDERS}`
    case 'ready':
    case 'drain':
    case 'maint':
      return weight === undefined ? { kind: 'state', state: order } : `${order} takes no number`
    case 'weight':
      return weight !== undefined && /^\d{1,3}$/.test(weight) && Number(weight) <= 256
        ? { kind: 'weight', weight: Number(weight) }
        : 'weight must be a number from 0 to 256'
    default:
      return `${printable(order)} must be ${ORDERS}`
  }
}

async function showAll(socket: string): Promise<void> {
  const { getStatus } = await import('../admin/client.js')
  process.stdout.write(serverLines(await getStatus(socket), Date.now()))
}

/** Every server of every service, with the reason of each that is not plainly UP below it. @param now wall time */
export function serverLines({ proxy }: Pick<Status, 'proxy'>, now: number): string {
  const servers = proxy.flatMap((service) => service.servers.map((server) => ({ service: service.name, server })))
  if (servers.length === 0) return 'no service is configured\n'
  const rows = servers.map(({ service, server }) => [
    `${service}/${server.name}`,
    server.status,
    ago(server.since, now),
    weightOf(server),
    String(server.sessions.current)
  ])
  const [head = '', ...lines] = columns(['SERVER', 'STATUS', 'FOR', 'WEIGHT', 'SESSIONS'], rows, ['WEIGHT', 'SESSIONS'])
  const told = servers.flatMap(({ server: { reason } }, i) => [
    lines[i] ?? '',
    ...(reason === null ? [] : wrap('    ', reason))
  ])
  return `${[head, ...told].join('\n')}\n`
}
