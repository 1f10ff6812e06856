import type { Family } from '../../base/ip.js'
import { argumentOf, type Directive, keywordOf } from './directive.js'
import { add, type Draft, flagNode, flagOf, hasKey, textNode } from './keepalived-draft.js'
import { durationNode, type Node, numberOr, scalar } from './yaml-tree.js'

/** What decides whether a line of global_defs goes for an instance. */
export interface DefaultsDraft extends Draft {
  readonly family: Family
  readonly version: string
  readonly isUnicast: boolean
}

/** A line of global_defs, for an instance that has none of its own. */
export function addDefault(draft: DefaultsDraft, line: Directive): void {
  const keyword = keywordOf(line)
  const bare = { ...line, above: [], beside: '' }
  const adding = (key: string, node: Node): void => {
    draft.report.carry(line)
    if (!hasKey(draft, key)) add(draft, key, node, bare)
  }
  switch (keyword) {
    case 'vrrp_min_garp':
      if (flagOf(line) === false) return
      adding('garp_master_repeat', scalar(1))
      adding('garp_master_delay', scalar(0))
      return
    case 'vrrp_mcast_group4':
    case 'vrrp_mcast_group6': {
      const isOwn = keyword.endsWith(String(draft.family))
      const isUsual = ['224.0.0.18', 'ff02::12'].includes(argumentOf(line).toLowerCase())
      if (isOwn && !isUsual && !draft.isUnicast) adding('mcast_dst_ip', textNode(line))
      else draft.report.carry(line)
      return
    }
    case 'v3_checksum_as_v2':
      if (draft.version === '3' && draft.family === 4) adding(keyword, flagNode(line))
      else draft.report.carry(line)
      return
    case 'vrrp_check_unicast_src':
      if (draft.isUnicast) adding('check_unicast_src', flagNode(line))
      else draft.report.carry(line)
      return
    default: {
      const key = keyword.replace(/^vrrp_/, '')
      const isNumber = /(?:repeat|adverts)$/.test(key)
      adding(key, isNumber ? numberOr(argumentOf(line)) : durationNode(argumentOf(line), 's'))
    }
  }
}
