import type { Level } from './report.js'

/** What becomes of a keyword that has no place in vipd's configuration, and why. */
export interface Leftover {
  readonly level: Level
  readonly text: string
}

/** Keywords that share a fate, `'one, two, three'`. */
export const leftovers = (
  level: Level,
  text: string,
  ...keywords: readonly string[]
): (readonly [string, Leftover])[] =>
  keywords.flatMap((some) => some.split(', ')).map((keyword) => [keyword, { level, text }] as const)

const MAIL = 'mail: vipd sends none yet (later work); `vipd status` and the journal tell of every change of state'
const SCRIPTS = 'scripts are not run yet (later work)'
const ROUTES =
  'routes and rules do not move with the address yet (later work): set them up without vipd, or keep keepalived'
const LVS = 'balancing by LVS is not vipd’s job: keep keepalived for it'
const SECURITY = 'vipd runs no scripts yet, so it needs no user for them'
const PROCESS = 'about keepalived’s own processes: vipd is one process, see vipd.service'
const SNMP = 'vipd has no SNMP and no D-Bus: `vipd status --json` tells the same'
const NETLINK = 'vipd chooses its own buffers'

/** Keywords of global_defs. */
export const GLOBAL_LEFTOVERS: ReadonlyMap<string, Leftover> = new Map([
  ...leftovers('warning', MAIL, 'notification_email, notification_email_from, smtp_server, smtp_connect_timeout'),
  ...leftovers('warning', MAIL, 'smtp_helo_name, smtp_alert_checker, no_email_faults'),
  ...leftovers('changed', MAIL, 'smtp_alert, smtp_alert_vrrp'),
  ...leftovers('warning', 'a name in keepalived’s own logs and mail: nothing on the wire', 'router_id'),
  ...leftovers('warning', SECURITY, 'script_user, enable_script_security, set_supplementary_groups'),
  ...leftovers('warning', 'vipd never compares the addresses in an advert with its own', 'vrrp_skip_check_adv_addr'),
  ...leftovers('warning', SNMP, 'enable_snmp_vrrp, enable_snmp_checker, enable_snmp_rfc, enable_snmp_rfcv2'),
  ...leftovers('warning', SNMP, 'enable_snmp_rfcv3, enable_traps, enable_dbus, dbus_service_name, snmp_socket'),
  ...leftovers('warning', SNMP, 'enable_snmp_keepalived'),
  ...leftovers('warning', PROCESS, 'process_names, vrrp_process_name, use_pid_dir, instance, child_wait_time'),
  ...leftovers('warning', PROCESS, 'vrrp_priority, vrrp_rt_priority, vrrp_no_swap, vrrp_cpu_affinity'),
  ...leftovers('warning', PROCESS, 'vrrp_rlimit_rttime, max_auto_priority, min_auto_priority_delay'),
  ...leftovers('warning', NETLINK, 'vrrp_netlink_cmd_rcv_bufs, vrrp_netlink_monitor_rcv_bufs'),
  ...leftovers('warning', NETLINK, 'vrrp_netlink_cmd_rcv_bufs_force, vrrp_netlink_monitor_rcv_bufs_force'),
  ...leftovers('warning', NETLINK, 'vrrp_rx_bufs_policy, vrrp_rx_bufs_multiplier'),
  ...leftovers('warning', 'vipd waits for an interface that is not there yet', 'dynamic_interfaces'),
  ...leftovers('warning', LVS, 'lvs_sync_daemon, lvs_flush, lvs_flush_onstop, lvs_timeouts'),
  ...leftovers('changed', 'the group 224.0.0.18 is used, another one is not supported yet', 'vrrp_mcast_group4'),
  ...leftovers('warning', 'IPv6 comes in later work', 'vrrp_mcast_group6, vrrp_gna_interval'),
  ...leftovers(
    'changed',
    'vipd does not drop traffic to the address and keeps its own rules (later work)',
    'vrrp_strict, vrrp_iptables, vrrp_ipsets, nftables'
  ),
  ...leftovers(
    'changed',
    'not carried over yet (later work): see the keyword in the man page of keepalived.conf',
    'vrrp_garp_interval, vrrp_garp_lower_prio_repeat, vrrp_garp_lower_prio_delay, vrrp_min_garp',
    'vrrp_lower_prio_no_advert, vrrp_higher_prio_send_advert, vrrp_startup_delay',
    'vrrp_delay_after_boot, vrrp_down_timer_adverts, vrrp_check_unicast_src, vrrp_garp_extra_if',
    'default_interface, net_namespace'
  ),
  ...leftovers(
    'changed',
    SCRIPTS,
    'notify_fifo, notify_fifo_script, vrrp_notify_fifo, vrrp_notify_fifo_script, startup_script',
    'shutdown_script, startup_script_timeout, shutdown_script_timeout'
  )
])

/** Keywords beside global_defs and vrrp_instance. */
export const TOP_LEFTOVERS: ReadonlyMap<string, Leftover> = new Map([
  ...leftovers('changed', `${SCRIPTS}; the VIP already leaves a node whose vipd or proxy hangs`, 'vrrp_script'),
  ...leftovers(
    'changed',
    'groups are not carried over yet (later work): each instance is elected by itself',
    'vrrp_sync_group'
  ),
  ...leftovers('changed', LVS, 'virtual_server, virtual_server_group, SSL, checker'),
  ...leftovers(
    'changed',
    'tracking is not carried over yet (later work)',
    'vrrp_track_process, track_process, vrrp_track_file, track_file, bfd_instance',
    'interface_up_down_delays, track_group'
  ),
  ...leftovers('changed', ROUTES, 'static_ipaddress, static_routes, static_rules'),
  ...leftovers('warning', 'vipd paces nothing by switch: one burst per address', 'garp_group'),
  ...leftovers('warning', 'vipd learns of links from the kernel', 'linkbeat_use_polling, linkbeat_interfaces'),
  ...leftovers('warning', PROCESS, 'net_namespace, instance, use_pid_dir')
])

/** Keywords of a vrrp_instance. */
export const INSTANCE_LEFTOVERS: ReadonlyMap<string, Leftover> = new Map([
  ...leftovers(
    'changed',
    `${SCRIPTS}: nothing lowers this instance’s priority, but the VIP leaves a node whose vipd or proxy hangs`,
    'track_script'
  ),
  ...leftovers(
    'changed',
    'only the instance’s own interface is tracked yet (the rest is later work)',
    'track_interface'
  ),
  ...leftovers('changed', 'the instance’s own interface is always tracked', 'dont_track_primary'),
  ...leftovers('changed', 'tracking is not carried over yet (later work)', 'track_process, track_file, track_bfd'),
  ...leftovers(
    'changed',
    SCRIPTS,
    'notify, notify_master, notify_backup, notify_fault, notify_stop, notify_deleted',
    'notify_master_rx_lower_pri'
  ),
  ...leftovers('changed', MAIL, 'smtp_alert'),
  ...leftovers('changed', ROUTES, 'virtual_routes, virtual_rules'),
  ...leftovers(
    'changed',
    'vipd holds the addresses of virtual_ipaddress only (later work)',
    'virtual_ipaddress_excluded, no_virtual_ipaddress'
  ),
  ...leftovers(
    'changed',
    'the interface’s own first address is used (later work)',
    'unicast_src_ip, mcast_src_ip, mcast_dst_ip, track_src_ip'
  ),
  ...leftovers(
    'warning',
    'belongs to unicast_peer',
    'unicast_ttl, check_unicast_src, unicast_fault_no_peer, old_unicast_checksum'
  ),
  ...leftovers(
    'changed',
    'a node with a higher priority takes over as soon as it hears the lower one (later work)',
    'preempt_delay'
  ),
  ...leftovers(
    'changed',
    'the address is on the interface itself, with its own MAC; gratuitous ARP tells the neighbours',
    'use_vmac, use_vmac_addr, vmac_xmit_base, use_ipvlan'
  ),
  ...leftovers('changed', 'vipd does not drop traffic to the address', 'strict_mode, no_accept'),
  ...leftovers('warning', 'vipd always accepts traffic to the address', 'accept'),
  ...leftovers('warning', 'vipd never compares the addresses in an advert with its own', 'skip_check_adv_addr'),
  ...leftovers('warning', 'nothing to debug here: `vipd status` and `log: { level: debug }`', 'debug'),
  ...leftovers(
    'warning',
    'vipd adds the address as /32 unless you give a length, so no other address goes with it',
    'promote_secondaries'
  ),
  ...leftovers('warning', 'set net.ipv4 sysctls without vipd', 'disable_local_igmp'),
  ...leftovers('warning', LVS, 'lvs_sync_daemon_interface, lvs_sync_daemon'),
  ...leftovers('warning', NETLINK, 'kernel_rx_buf_size, linkbeat_use_polling'),
  ...leftovers('warning', 'IPv6 comes in later work', 'native_ipv6'),
  ...leftovers(
    'changed',
    'message authentication is not carried over yet: peers that require it drop vipd’s adverts',
    'auth_hmac'
  ),
  ...leftovers(
    'changed',
    'not carried over yet (later work): see the keyword in the man page of keepalived.conf',
    'garp_lower_prio_repeat, garp_lower_prio_delay, garp_extra_if, down_timer_adverts',
    'lower_prio_no_advert, higher_prio_send_advert, owner_ignore_adverts, v3_checksum_as_v2',
    'timer_expired_backup, vrf'
  )
])
