import { instance4, silent, told } from './table.js'

const to = 'notification_email: [ ops@example.com ]'
const server = 'smtp_server: 127.0.0.1'
const GROUP = 'vrrp_sync_group:\n  - { name: G, group: [ VI_1, VI_2 ], smtp_alert: true }\n'
const PAIR = `${instance4()}  - { name: VI_2, interface: bond0, virtual_router_id: 89, virtual_ipaddress: [ 10.0.0.98 ] }\n`

told([
  [
    'mail to nobody, through nothing',
    instance4('smtp_alert: true'),
    'f:6:17: no mail can be sent without `notification_email: [ ops@example.com ]` and `smtp_server: 127.0.0.1` in `global_defs`: add them, or use `smtp_alert: false`'
  ],
  [
    'mail through nothing',
    `global_defs: { smtp_alert: true, ${to} }\n${instance4()}`,
    'f:1:28: no mail can be sent without `smtp_server: 127.0.0.1` in `global_defs`: add it, or use `smtp_alert: false`'
  ],
  [
    'mail to nobody',
    `global_defs: { ${server} }\n${GROUP}${PAIR}`,
    'f:3:51: no mail can be sent without `notification_email: [ ops@example.com ]` in `global_defs`: add it, or use `smtp_alert: false`'
  ],
  [
    'recipients without a server',
    `global_defs: { ${to} }\n${instance4()}`,
    'f:1:36: warning: no mail is sent without a server: add `smtp_server: 127.0.0.1`, or remove `notification_email`'
  ],
  [
    'a misspelt word',
    `global_defs: { router_idd: x, vrrp_version: 3 }\n${instance4()}`,
    'f:1:16: unknown key `router_idd`: did you mean `router_id`?',
    'f:1:31: unknown key `vrrp_version`: write `version: 3` in each instance'
  ]
])

silent([
  ['mail with all that it needs', `global_defs: { smtp_alert: true, ${to}, ${server} }\n${instance4()}`],
  [
    'recipients and a server, and no mail asked for, as in the seed',
    `global_defs: { ${to}, ${server} }\n${instance4()}`
  ],
  ['an instance without mail', instance4('smtp_alert: false')]
])
