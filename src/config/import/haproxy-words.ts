import { type Leftover, leftovers } from './keepalived-words.js'

const SYSTEMD = 'systemd’s job:'
const ENGINE = 'tuning of haproxy’s engine: vipd chooses for itself'
const TLS = 'TLS ends at the server: vipd passes bytes as they are'
const BUILT_IN = 'built in'
const HTTP = 'has a meaning in HTTP mode only, haproxy ignores it here too'
const STATS =
  '`vipd status` tells the same; `admin: { listen: 127.0.0.1:8404 }` has /status.json, /metrics and /healthz'
const RULES = 'vipd has no such rules: every connection that `deny` and `allow` let in goes on'
const AUTOMATIC = 'automatic: vipd takes what it needs'

/** Keywords of `global`. */
export const GLOBAL_LEFTOVERS: ReadonlyMap<string, Leftover> = new Map([
  ...leftovers('warning', `${SYSTEMD} \`ProtectSystem=\` and its kin in vipd.service`, 'chroot'),
  ...leftovers('warning', `${SYSTEMD} \`User=\` in vipd.service`, 'user, uid'),
  ...leftovers('warning', `${SYSTEMD} \`Group=\` in vipd.service`, 'group, gid'),
  ...leftovers(
    'warning',
    `${SYSTEMD} vipd stays in the foreground (\`Type=notify\` in vipd.service)`,
    'daemon, master-worker'
  ),
  ...leftovers('warning', `${SYSTEMD} \`systemctl show -p MainPID vipd\`, or \`vipd status\``, 'pidfile'),
  ...leftovers(
    'warning',
    'vipd is one process with a thread for each core (`nbthread` sets another number). haproxy 2.5 and later refuse this line; before, each process had its own maxconn, health checks and turn of servers',
    'nbproc'
  ),
  ...leftovers('warning', 'an RFC 3164 line has the host’s name anyway', 'log-send-hostname'),
  ...leftovers('warning', 'only a name', 'localpeer'),
  ...leftovers(
    'warning',
    '`vipd status`, `vipd server` and /run/vipd/vipd.sock (`admin.socket`) take its place',
    'stats'
  ),
  ...leftovers('warning', AUTOMATIC, 'ulimit-n, fd-hard-limit, strict-limits, maxpipes, default-path'),
  ...leftovers('warning', TLS, 'key-base, maxsslconn, maxsslrate, issuers-chain-path'),
  ...leftovers('warning', 'vipd makes all first checks at once', 'max-spread-checks'),
  ...leftovers(
    'warning',
    ENGINE,
    'cpu-map, cpu-policy, numa-cpu-mapping, thread-groups, thread-group, nosplice, noepoll, nopoll',
    'noreuseport, nogetaddrinfo, busy-polling, set-dumpable, insecure-fork-wanted',
    'insecure-setuid-wanted, profiling, mworker-max-reloads, setcap, expose-experimental-directives',
    'close-spread-time'
  ),
  ...leftovers('warning', 'only a name', 'node, description, cluster-secret'),
  ...leftovers('warning', 'vipd starts with what it can and says the rest', 'quiet, zero-warning'),
  ...leftovers(
    'warning',
    'a reload of vipd forgets nothing',
    'server-state-base, server-state-file, stats-file, shm-stats-file'
  ),
  ...leftovers(
    'warning',
    'vipd gives the virtual address up first and accepts until it is gone; `hard_stop_after` is for the sessions',
    'grace'
  ),
  ...leftovers(
    'changed',
    'a limit of new sessions in a second is `rate_limit` of a service: vipd has none for all together',
    'maxconnrate, maxsessrate'
  ),
  ...leftovers('warning', HTTP, 'maxcomprate, maxcompcpuusage'),
  ...leftovers('warning', 'vipd needs no leave to run the programs of its checks', 'external-check'),
  ...leftovers('changed', 'vipd has no scripting', 'lua-load, lua-load-per-thread, lua-prepend-path'),
  ...leftovers(
    'changed',
    'variables are not understood: write out what they stand for',
    'setenv, presetenv, unsetenv, resetenv, set-var'
  )
])

/** Keywords of `defaults`, `listen`, `frontend` and `backend`; those with a second word that matters stand with it. */
export const PROXY_LEFTOVERS: ReadonlyMap<string, Leftover> = new Map([
  ...leftovers('warning', 'vipd’s log says the name of the service in each line', 'log-tag'),
  ...leftovers('warning', `${BUILT_IN}: each change of a check’s result is logged`, 'option log-health-checks'),
  ...leftovers('warning', `${BUILT_IN}: counters count while a session lives`, 'option contstats'),
  ...leftovers(
    'warning',
    `${BUILT_IN}: a session that did not end well has level warning`,
    'option log-separate-errors'
  ),
  ...leftovers('warning', 'a record is written when a session ends, and has all of it', 'option logasap, log-steps'),
  ...leftovers(
    'warning',
    'a session without a byte leaves a record like any other: `session_log: errors` has those that went wrong alone',
    'option dontlognull'
  ),
  ...leftovers('warning', HTTP, 'log-format-sd, error-log-format, unique-id-format, unique-id-header, option httpslog'),
  ...leftovers('warning', STATS, 'stats, option socket-stats, monitor-uri, monitor, monitor-net'),
  ...leftovers(
    'warning',
    HTTP,
    'option forwardfor, option http-server-close, option httpclose, option forceclose',
    'option http-keep-alive, option http-pretend-keepalive, option http-use-htx',
    'option http-ignore-probes, option accept-invalid-http-request',
    'option accept-invalid-http-response, option http-buffer-request, option prefer-last-server',
    'option originalto, option http-no-delay, option http-tunnel, errorfile, errorloc, errorloc302',
    'errorloc303, errorfiles, http-request, http-response, http-after-response, http-reuse',
    'http-error, compression, cookie, capture, redirect, timeout http-request',
    'timeout http-keep-alive, timeout tarpit, option nolinger-http, http-send-name-header',
    'max-keep-alive-queue, option disable-h2-upgrade, retry-on'
  ),
  ...leftovers(
    'warning',
    ENGINE,
    'bind-process, option tcp-smart-accept, option tcp-smart-connect, id, guid',
    'option independent-streams, option idle-close-on-response'
  ),
  ...leftovers(
    'warning',
    `${BUILT_IN}, as soon as a session moves much`,
    'option splice-auto, option splice-request, option splice-response'
  ),
  ...leftovers(
    'warning',
    'a connection to a server that is given up is reset, one to a client is closed',
    'option nolinger'
  ),
  ...leftovers('warning', 'only a name', 'description'),
  ...leftovers('warning', 'the limit of a server is its `maxconn`, whatever the load', 'fullconn'),
  ...leftovers('changed', 'vipd’s hash knows no such bound: left out', 'hash-balance-factor, hash-preserve-affinity'),
  ...leftovers('warning', 'a reload of vipd forgets nothing', 'load-server-state-from-file, server-state-file-name'),
  ...leftovers('warning', 'servers have fixed addresses in vipd', 'resolve-prefer'),
  ...leftovers('warning', TLS, 'timeout client-hs'),
  ...leftovers('changed', RULES, 'use-server, tcp-response, block, filter, force-persist, ignore-persist'),
  ...leftovers(
    'changed',
    'vipd keeps no tables. To keep a client on one server: `balance: source` with `hash_type: consistent`; to limit it: `source_maxconn`',
    'stick-table, stick, persist, option persist, appsession'
  ),
  ...leftovers(
    'changed',
    'programs of checks get other arguments than in haproxy: `check: { type: exec, command: … }`',
    'external-check'
  ),
  ...leftovers('changed', 'vipd mails of VRRP, not of servers: `log.syslog` tells of them', 'email-alert'),
  ...leftovers(
    'changed',
    'vipd has no counterpart: left out',
    'option transparent, transparent, max-session-srv-conns, declare, server-template, dispatch, option log-backend'
  )
])
