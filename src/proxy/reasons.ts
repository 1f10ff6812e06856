import { SOCKERR } from '../health/checker.js'
import { effective, healthOf, rankOf, type Server, weightOf } from './pool.js'

/**
 * Why a server is not plainly UP, in words and with what mends it; null when it is.
 * @param name `SERVICE/SERVER`, as the commands take it
 * @param isServing it gets connections all the same
 */
export function reasonOf(server: Server, name: string, isServing: boolean): string | null {
  switch (effective(server)) {
    case 'UP':
      return up(server)
    case 'MAINT':
      return maintenance(server, name)
    case 'DOWN':
      return down(server)
    case 'DRAIN':
      return isServing
        ? `${draining(server, name)}; no server is ready, so it gets connections`
        : draining(server, name)
  }
}

function up(server: Server): string | null {
  if (rankOf(server) === 1) return `its last check failed, others are asked first: ${checked(server)}`
  const problem = server.lastCheck?.problem
  return problem === undefined ? null : `its check needs mending: ${problem}`
}

function maintenance({ admin, config }: Server, name: string): string {
  if (admin.state !== 'maint') return 'its agent asks for maintenance'
  const by = config.isDisabled ? '`disabled` in the configuration' : 'by order'
  return `in maintenance, ${by}: \`vipd server ${name} ready\` brings it in`
}

function down(server: Server): string {
  const { agent } = server
  if (agent.isDown) return `its agent says that it is down${quoted(agent.last?.detail)}`
  if (healthOf(server) === 'unknown') return unchecked(server)
  return healthOf(server) === 'gone'
    ? `gone, as it had said: ${checked(server)}; sessions that it still has go on`
    : `found dead: ${checked(server)}`
}

function unchecked({ lastCheck }: Server): string {
  return lastCheck?.code === SOCKERR
    ? `not checked yet, its checks cannot be made here: ${lastCheck.detail}`
    : 'not checked yet: it gets connections when its first check has passed'
}

function draining(server: Server, name: string): string {
  const { admin, agent, config } = server
  if (admin.state === 'drain') return `drains by order: \`vipd server ${name} ready\` ends it`
  if (agent.state === 'drain') return 'its agent asks that it drains'
  if (admin.weight === 0) return `weight 0 by order: \`vipd server ${name} weight ${config.weight || 1}\` ends it`
  if (weightOf(server) === 0) return agent.weightPercent === 0 ? 'its agent gives it no weight' : 'its weight is 0'
  if (healthOf(server) !== 'unsure') return `alive, but not ready: ${checked(server)}`
  return server.lastCheck?.isSilent === true
    ? `its check says nothing of it, so whether it is ready is not known: ${checked(server)}`
    : `alive, but whether it is ready is not known: ${checked(server)}`
}

function checked({ lastCheck }: Server): string {
  if (lastCheck === null) return 'no check has answered'
  return lastCheck.detail === '' ? lastCheck.code : `${lastCheck.code} ${lastCheck.detail}`
}

const quoted = (detail: string | undefined): string => (detail === undefined || detail === '' ? '' : `: ${detail}`)
