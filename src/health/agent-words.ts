import type { CheckResult } from './checker.js'
import { excerpt } from './http-head.js'

export type AgentAnswer = Omit<CheckResult, 'tookMs'>

/**
 * haproxy's agent text: one line of words between blanks or commas, a message behind `#`.
 *
 * | word                      | means                                                        |
 * |---------------------------|--------------------------------------------------------------|
 * | `up`                      | ready                                                        |
 * | `down`, `fail`, `stopped` | dead                                                         |
 * | `ready`, `drain`, `maint` | what an administrator would ask for                          |
 * | `75%`                     | the share of its configured weight, 0 to 100                 |
 * | `maxconn:30`              | sessions at once                                             |
 *
 * A line without `up` or `down` moves no verdict that exists. One that is not understood says nothing at all.
 */
export function readAgentLine(line: string): AgentAnswer {
  const [said = '', message] = splitAt(line, '#')
  const words = said.split(/[ \t,]+/).filter((word) => word !== '')
  let isUp: boolean | undefined
  let advice: NonNullable<CheckResult['advice']> = {}
  for (const word of words.map((one) => one.toLowerCase())) {
    const [, percent] = /^(\d{1,3})%$/.exec(word) ?? []
    const [, maxconn] = /^maxconn:(\d{1,7})$/.exec(word) ?? []
    if (word === 'up') isUp = true
    else if (word === 'down' || word === 'fail' || word === 'stopped') isUp = false
    else if (word === 'ready' || word === 'drain' || word === 'maint') advice = { ...advice, state: word }
    else if (percent !== undefined && Number(percent) <= 100) advice = { ...advice, weightPercent: Number(percent) }
    else if (maxconn !== undefined) advice = { ...advice, maxconn: Number(maxconn) }
    else return agentSilence('L7RSP', `not understood: ${excerpt(line)}`)
  }
  if (words.length === 0) return agentSilence('L7RSP', 'an empty line')
  const detail = excerpt(message ?? said)
  if (isUp === undefined) return { isOk: true, isSilent: true, code: 'L7OK', detail, advice }
  return isUp ? { isOk: true, code: 'L7OK', detail, advice } : { isOk: false, code: 'L7STS', detail, advice }
}

/** The agent did not say anything of use, which says nothing of its server. */
export const agentSilence = (code: string, detail: string): AgentAnswer => ({
  isOk: false,
  isAlive: true,
  isUnsure: true,
  isSilent: true,
  code,
  detail
})

function splitAt(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark)
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}
