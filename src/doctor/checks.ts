import { firewallChecks } from './checks/firewall.js'
import { hostChecks } from './checks/host.js'
import { incumbentChecks } from './checks/incumbents.js'
import { kubernetesChecks } from './checks/kubernetes.js'
import { linkChecks } from './checks/link.js'
import { proxyChecks } from './checks/proxy.js'
import { vrrpChecks } from './checks/vrrp.js'
import type { Check } from './finding.js'

/** All that the doctor looks at, in the order in which it tells it. */
export const checks: readonly Check[] = [
  ...hostChecks,
  ...linkChecks,
  ...incumbentChecks,
  ...firewallChecks,
  ...vrrpChecks,
  ...proxyChecks,
  ...kubernetesChecks
]
