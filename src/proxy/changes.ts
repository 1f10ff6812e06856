import type { ServerConfig } from '../config/schema.js'
import { type CheckResult, SOCKERR } from '../health/checker.js'
import { applyPassive, noFailures, observeLive } from '../health/passive.js'
import { judge, unknownVerdict, type Verdict } from '../health/verdict.js'
import type { ServerOrder } from './orders.js'
import { type Agent, effective, isDead, noAgent, type Server } from './pool.js'

/** What becomes of a server by what is seen, said, ordered and configured. */

/** The same moment by both clocks. */
export interface Moment {
  readonly ms: number
  readonly today: Date
}

/** A check's result on top of what was known. One that could not be made here changes nothing; one by an agent has its advice. */
export function observe(server: Server, result: CheckResult, now: Moment): Server {
  const { check } = server.config
  if (check === null) return server
  const lastCheck = { ...result, at: now.today }
  if (result.code === SOCKERR) return { ...server, lastCheck }
  const agent = following(server.agent, result)
  return moved(server, { ...server, lastCheck, agent, verdict: judge(server.verdict, result, check) }, now)
}

/** What an agent answered. One that cannot be asked, or is not understood, says nothing: what it said before holds. */
export function advised(server: Server, result: CheckResult, now: Moment): Server {
  const agent = { ...following(server.agent, result), last: { ...result, at: now.today } }
  const isDown = result.advice === undefined || result.isSilent === true ? agent.isDown : !result.isOk
  return moved(server, { ...server, agent: { ...agent, isDown } }, now)
}

const following = (agent: Agent, { advice }: CheckResult): Agent => ({
  ...agent,
  weightPercent: advice?.weightPercent ?? agent.weightPercent,
  state: advice?.state ?? agent.state,
  maxconn: advice?.maxconn ?? agent.maxconn
})

/**
 * `observe layer4`: what live connections have come to since the last look, by how many have failed in a row.
 * @returns the server, and whether anything is in doubt: then its next check is brought forward
 */
export function observeConnects(
  server: Server,
  failuresInRow: number,
  now: Moment
): { readonly server: Server; readonly isDoubted: boolean } {
  const { check, observe: isObserved } = server.config
  const seen = server.failuresInRow
  if (failuresInRow === seen) return { server, isDoubted: false }
  const counted = { ...server, failuresInRow }
  if (check === null || !isObserved || effective(server) === 'MAINT') return { server: counted, isDoubted: false }
  const start = failuresInRow < seen ? noFailures : server.passive
  const failed = failuresInRow < seen ? failuresInRow : failuresInRow - seen
  const { passive, act } = observeLive(start, { isConnected: failed === 0, failed }, server.config)
  const verdict = applyPassive(server.verdict, act, check)
  return { server: moved(server, { ...counted, passive, verdict }, now), isDoubted: failed > 0 }
}

/** What the operator asks for. One that comes out of maintenance is checked before it serves. */
export function ordered(server: Server, order: ServerOrder, now: Moment): Server {
  switch (order.kind) {
    case 'weight':
      return moved(server, { ...server, admin: { ...server.admin, weight: order.weight } }, now)
    case 'state':
      return moved(server, { ...server, admin: { ...server.admin, state: order.state } }, now)
  }
}

/** The server under another configuration of the same name and address: what was seen and counted of it stays. */
export function reconfigured(server: Server, config: ServerConfig, now: Moment): Server {
  const isOrderOver = config.isDisabled !== server.config.isDisabled
  const isWeightOver = config.weight !== server.config.weight
  const state = isOrderOver ? (config.isDisabled ? 'maint' : 'ready') : server.admin.state
  const admin = { state, weight: isWeightOver ? null : server.admin.weight }
  const wasServing = server.config.check === null && effective(server) !== 'MAINT'
  // Nobody loses a server because it is checked from now on: its first failures count.
  const verdict = wasServing && config.check !== null ? trusted : server.verdict
  const hasAgent = config.agent !== null || config.check?.type === 'agent'
  const agent = hasAgent ? server.agent : noAgent
  return moved(server, { ...server, config, admin, verdict, agent }, now)
}

const trusted: Verdict = { ...unknownVerdict, status: 'UP' }

/** What follows from another status: since when, whether it is cold, whether it warms up. */
function moved(before: Server, after: Server, now: Moment): Server {
  const status = effective(after)
  const hasMoved = status !== effective(before)
  const isOut = isDead(after)
  const warms = status === 'UP' && after.isCold
  return {
    ...after,
    verdict: status === 'MAINT' ? unknownVerdict : after.verdict,
    since: hasMoved ? now.today : before.since,
    isCold: isOut || (after.isCold && !warms),
    rampFromMs: warms ? now.ms : isOut ? null : after.rampFromMs
  }
}
