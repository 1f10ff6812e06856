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

const ROUTES =
  'vipd moves no routes and rules with the address: set them up without vipd, or in notify_master and notify_backup'
const LVS = 'balancing by LVS is not vipd’s job: keep keepalived for it'
const PROCESS = 'about keepalived’s own processes: vipd is one process, see vipd.service'
const PRIORITY = 'vipd’s thread for adverts has real-time priority 50; global_defs.vrrp_rt_priority sets another'
const SNMP = 'vipd has no SNMP and no D-Bus: `vipd status --json` tells the same'
const NETLINK = 'vipd chooses its own buffers'
const ADDRESSES = 'vipd takes an advert whatever addresses it names'
const FIREWALL = 'vipd does not drop traffic to the address, and makes no firewall rules: make your own'
const VMAC = 'the address is on the interface itself, with its own MAC; gratuitous ARP tells the neighbours'
const ANSWER = 'vipd answers a lower priority with an advert at once (RFC 9568), so that two masters part in one packet'
const GROUP_ARP = 'vipd paces gratuitous ARP for each instance: write garp_interval and gna_interval into the instances'
const BFD = 'vipd speaks no BFD: the timers of VRRP find a dead master, and version 3 makes them shorter than a second'
const ONCE = 'vipd runs nothing of its own at start and stop: `ExecStartPre=` and `ExecStopPost=` in vipd.service do'
const RECORD = 'vipd tells its state by `vipd status` and `vipd events`, not by files'
const RELOAD = 'vipd checks a new configuration whole before it takes it over, at `systemctl reload vipd`'

/** Keywords of global_defs. */
export const GLOBAL_LEFTOVERS: ReadonlyMap<string, Leftover> = new Map([
  ...leftovers(
    'warning',
    'mail on the servers of LVS: vipd mails of VRRP alone',
    'smtp_alert_checker, no_checker_emails, checker_log_all_failures, rs_init_notifies'
  ),
  ...leftovers(
    'warning',
    'always on in vipd: it runs no script as root that others may write',
    'enable_script_security'
  ),
  ...leftovers('changed', 'scripts run without supplementary groups', 'set_supplementary_groups'),
  ...leftovers('warning', ADDRESSES, 'vrrp_skip_check_adv_addr'),
  ...leftovers('warning', SNMP, 'enable_snmp_vrrp, enable_snmp_checker, enable_snmp_rfc, enable_snmp_rfcv2'),
  ...leftovers('warning', SNMP, 'enable_snmp_rfcv3, enable_traps, enable_dbus, dbus_service_name, snmp_socket'),
  ...leftovers('warning', SNMP, 'enable_snmp_keepalived, dbus_no_interface_name, snmp_vs_stats_update_interval'),
  ...leftovers('warning', SNMP, 'snmp_rs_stats_update_interval'),
  ...leftovers('warning', PROCESS, 'process_names, vrrp_process_name, use_pid_dir, instance, child_wait_time, umask'),
  ...leftovers('warning', PROCESS, 'vrrp_no_swap, vrrp_cpu_affinity, vrrp_rlimit_rttime, random_seed, include_check'),
  ...leftovers('warning', PROCESS, 'iproute_usr_dir, iproute_etc_dir'),
  ...leftovers('warning', PRIORITY, 'vrrp_priority, max_auto_priority, min_auto_priority_delay'),
  ...leftovers('warning', RECORD, 'data_use_instance, state_file_location, stats_file_location, json_file_location'),
  ...leftovers('warning', RECORD, 'json_version'),
  ...leftovers('warning', RELOAD, 'reload_check_config, reload_file'),
  ...leftovers(
    'changed',
    'vipd reloads when it is told to: use a systemd timer on every node',
    'reload_time_file, reload_repeat'
  ),
  ...leftovers('warning', 'vipd counts and logs adverts of foreign VRIDs always', 'log_unknown_vrids'),
  ...leftovers('warning', NETLINK, 'vrrp_netlink_cmd_rcv_bufs, vrrp_netlink_monitor_rcv_bufs'),
  ...leftovers('warning', NETLINK, 'vrrp_netlink_cmd_rcv_bufs_force, vrrp_netlink_monitor_rcv_bufs_force'),
  ...leftovers('warning', NETLINK, 'vrrp_rx_bufs_policy, vrrp_rx_bufs_multiplier, process_monitor_rcv_bufs'),
  ...leftovers('warning', NETLINK, 'process_monitor_rcv_bufs_force'),
  ...leftovers('warning', 'vipd waits for an interface that is not there yet', 'dynamic_interfaces'),
  ...leftovers('warning', 'vipd learns of links from the kernel', 'linkbeat_use_polling'),
  ...leftovers('warning', 'is for static addresses, which vipd leaves to the system', 'default_interface'),
  ...leftovers('warning', LVS, 'lvs_sync_daemon, lvs_flush, lvs_flush_onstop, lvs_flush_on_stop, lvs_timeouts'),
  ...leftovers('warning', LVS, 'lvs_notify_fifo, lvs_notify_fifo_script, lvs_netlink_cmd_rcv_bufs'),
  ...leftovers('warning', LVS, 'lvs_netlink_cmd_rcv_bufs_force, lvs_netlink_monitor_rcv_bufs'),
  ...leftovers('warning', LVS, 'lvs_netlink_monitor_rcv_bufs_force, nftables_ipvs, nftables_ipvs_priority'),
  ...leftovers('warning', LVS, 'nftables_ipvs_start_fwmark, checker_priority, checker_no_swap'),
  ...leftovers('warning', LVS, 'checker_cpu_affinity, checker_rt_priority, checker_rlimit_rttime'),
  ...leftovers('warning', BFD, 'bfd_priority, bfd_no_swap, bfd_cpu_affinity, bfd_rt_priority, bfd_rlimit_rttime'),
  ...leftovers('changed', FIREWALL, 'vrrp_strict, vrrp_iptables, vrrp_ipsets, nftables, nftables_priority'),
  ...leftovers('warning', FIREWALL, 'nftables_counters, nftables_ifindex'),
  ...leftovers('warning', 'set net.ipv4.igmp_link_local_mcast_reports without vipd', 'disable_local_igmp'),
  ...leftovers('warning', VMAC, 'vmac_prefix, vmac_addr_prefix'),
  ...leftovers('changed', VMAC, 'vrrp_garp_extra_if'),
  ...leftovers('changed', ANSWER, 'vrrp_lower_prio_no_advert'),
  ...leftovers('warning', 'built in: a master that yields sends an advert first', 'vrrp_higher_prio_send_advert'),
  ...leftovers(
    'changed',
    'vipd counts from its own start, not from the boot: vrrp_startup_delay is that',
    'vrrp_delay_after_boot'
  ),
  ...leftovers(
    'warning',
    'always so: an instance with an empty unicast_peer is refused by `vipd check`',
    'vrrp_unicast_fault_no_peer'
  ),
  ...leftovers(
    'changed',
    'one vipd is in one network namespace: `NetworkNamespacePath=` in vipd.service',
    'net_namespace'
  ),
  ...leftovers(
    'changed',
    'vipd writes to the FIFO and starts no reader: run it as a service of its own, with the path of the FIFO as argument',
    'notify_fifo_script, vrrp_notify_fifo_script'
  ),
  ...leftovers('changed', 'after a reload vipd tells the FIFO of changes only', 'fifo_write_vrrp_states_on_reload'),
  ...leftovers('changed', ONCE, 'startup_script, shutdown_script'),
  ...leftovers('warning', ONCE, 'startup_script_timeout, shutdown_script_timeout')
])

/** Keywords beside global_defs, vrrp_instance, vrrp_sync_group and what can be tracked. */
export const TOP_LEFTOVERS: ReadonlyMap<string, Leftover> = new Map([
  ...leftovers('changed', LVS, 'virtual_server, virtual_server_group, SSL, checker'),
  ...leftovers('changed', BFD, 'bfd_instance'),
  ...leftovers(
    'changed',
    'vipd takes a link down at once; `link_stable` of an instance is its delay for a link that comes up',
    'interface_up_down_delays'
  ),
  ...leftovers('changed', 'vipd leaves static addresses, routes and rules to the system', 'static_ipaddress'),
  ...leftovers('changed', 'vipd leaves static addresses, routes and rules to the system', 'static_routes'),
  ...leftovers('changed', 'vipd leaves static addresses, routes and rules to the system', 'static_rules, track_group'),
  ...leftovers('changed', GROUP_ARP, 'garp_group'),
  ...leftovers('warning', 'vipd learns of links from the kernel', 'linkbeat_use_polling, linkbeat_interfaces'),
  ...leftovers(
    'changed',
    'one vipd is in one network namespace: `NetworkNamespacePath=` in vipd.service',
    'net_namespace'
  ),
  ...leftovers('warning', PROCESS, 'instance, use_pid_dir')
])

/** Keywords of a vrrp_instance. */
export const INSTANCE_LEFTOVERS: ReadonlyMap<string, Leftover> = new Map([
  ...leftovers('changed', 'the instance’s own interface is always tracked', 'dont_track_primary'),
  ...leftovers('changed', BFD, 'track_bfd'),
  ...leftovers('changed', 'vipd runs no script when an instance leaves the configuration', 'notify_deleted'),
  ...leftovers(
    'changed',
    'vipd runs no script when a master hears a lower priority: it answers at once and announces the address again',
    'notify_master_rx_lower_pri'
  ),
  ...leftovers(
    'changed',
    'goes for every instance: vrrp_notify_priority_changes in global_defs',
    'notify_priority_changes'
  ),
  ...leftovers('changed', ROUTES, 'virtual_routes, virtual_rules'),
  ...leftovers('warning', 'always so: an instance without its source address is in FAULT', 'track_src_ip'),
  ...leftovers('warning', 'always so: a unicast instance without peers is refused', 'unicast_fault_no_peer'),
  ...leftovers('changed', VMAC, 'use_vmac, use_vmac_addr, vmac_xmit_base, use_ipvlan, garp_extra_if'),
  ...leftovers('changed', FIREWALL, 'strict_mode, no_accept'),
  ...leftovers('warning', 'vipd always accepts traffic to the address', 'accept'),
  ...leftovers('warning', ADDRESSES, 'skip_check_adv_addr'),
  ...leftovers('warning', 'nothing to debug here: `vipd status` and `log: { level: debug }`', 'debug'),
  ...leftovers(
    'warning',
    'never needed: removing an address takes no other with it, since it is /32 unless you give a length',
    'promote_secondaries'
  ),
  ...leftovers('warning', 'set net.ipv4.igmp_link_local_mcast_reports without vipd', 'disable_local_igmp'),
  ...leftovers('warning', LVS, 'lvs_sync_daemon_interface, lvs_sync_daemon'),
  ...leftovers('warning', NETLINK, 'kernel_rx_buf_size'),
  ...leftovers('warning', 'vipd learns of links from the kernel', 'linkbeat_use_polling'),
  ...leftovers('warning', 'the first address decides whether it is IPv4 or IPv6', 'native_ipv6'),
  ...leftovers(
    'changed',
    'vipd sends the checksum that the address in the packet asks for: keepalived 1.3.6 and older refuses it',
    'old_unicast_checksum'
  ),
  ...leftovers('changed', ANSWER, 'lower_prio_no_advert'),
  ...leftovers('warning', 'built in: a master that yields sends an advert first', 'higher_prio_send_advert'),
  ...leftovers(
    'warning',
    'built in: a master that was asleep for so long that another may have taken over steps back',
    'timer_expired_backup'
  ),
  ...leftovers('changed', 'the owner yields to an owner with a higher address', 'owner_ignore_adverts'),
  ...leftovers('changed', 'vipd runs on an interface: name one of the VRF in `interface`', 'vrf')
])

/** Keywords of a vrrp_sync_group. */
export const GROUP_LEFTOVERS: ReadonlyMap<string, Leftover> = new Map([
  ...leftovers('changed', BFD, 'track_bfd'),
  ...leftovers('changed', 'vipd runs no script when an instance leaves the configuration', 'notify_deleted'),
  ...leftovers(
    'changed',
    'goes for every instance: vrrp_notify_priority_changes in global_defs',
    'notify_priority_changes'
  ),
  ...leftovers(
    'changed',
    'a sync group moves as one, so vipd knows no weights in it',
    'global_tracking, sync_group_tracking_weight'
  )
])

/** Keywords of a vrrp_script, a track_file and a vrrp_track_process. */
export const SCRIPT_LEFTOVERS: ReadonlyMap<string, Leftover> = new Map()
export const TRACK_FILE_LEFTOVERS: ReadonlyMap<string, Leftover> = new Map()
export const TRACK_PROCESS_LEFTOVERS: ReadonlyMap<string, Leftover> = new Map(
  leftovers('changed', 'vipd compares all parameters, or with `full_command: false` none', 'param_match')
)
