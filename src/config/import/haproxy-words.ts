import { type Leftover, leftovers } from './keepalived-words.js'

const SYSTEMD = 'systemd’s job:'
const ENGINE = 'tuning of haproxy’s engine: vipd chooses for itself'
const TLS = 'TLS ends at the server: vipd passes bytes as they are'
const LOGS = 'vipd writes one structured log to stdout, where journald keeps it; syslog is carried over in later work'
const CONNECTION_LOGS = 'vipd logs changes of state, not single connections'
const HTTP = 'has a meaning in HTTP mode only, haproxy ignores it here too'
const LATER = 'not carried over yet (later work)'
const STATS = '`vipd status` tells the same; `admin: { listen: 127.0.0.1:8404 }` gives it as JSON'
const RULES = 'vipd has no rules (later work): every connection is let in and goes to the servers of this service'
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
  ...leftovers('warning', LOGS, 'log, log-tag, log-send-hostname, localpeer'),
  ...leftovers('warning', '`vipd status` and /run/vipd/vipd.sock take its place', 'stats'),
  ...leftovers('warning', AUTOMATIC, 'ulimit-n, fd-hard-limit, strict-limits, maxpipes, default-path'),
  ...leftovers(
    'warning',
    TLS,
    'ca-base, crt-base, key-base, maxsslconn, maxsslrate, ssl-server-verify, issuers-chain-path'
  ),
  ...leftovers(
    'warning',
    ENGINE,
    'cpu-map, cpu-policy, numa-cpu-mapping, thread-groups, thread-group, nosplice, noepoll, nopoll',
    'noreuseport, nogetaddrinfo, busy-polling, set-dumpable, max-spread-checks, insecure-fork-wanted',
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
  ...leftovers('changed', LATER, 'maxconnrate, maxsessrate, maxcomprate, external-check, grace, maxcompcpuusage'),
  ...leftovers('changed', 'vipd has no scripting', 'lua-load, lua-load-per-thread, lua-prepend-path'),
  ...leftovers(
    'changed',
    'variables are not understood: write out what they stand for',
    'setenv, presetenv, unsetenv, resetenv, set-var'
  )
])

/** Keywords of `defaults`, `listen`, `frontend` and `backend`; those with a second word that matters stand with it. */
export const PROXY_LEFTOVERS: ReadonlyMap<string, Leftover> = new Map([
  ...leftovers('warning', LOGS, 'log, log-tag, option log-health-checks, option log-separate-errors'),
  ...leftovers(
    'warning',
    CONNECTION_LOGS,
    'option tcplog, option httplog, option dontlognull, option dontlog-normal, option logasap',
    'log-format, log-format-sd, error-log-format, unique-id-format, unique-id-header, log-steps',
    'option httpslog'
  ),
  ...leftovers('warning', STATS, 'stats, option contstats, option socket-stats, monitor-uri, monitor, monitor-net'),
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
    'max-keep-alive-queue, option disable-h2-upgrade'
  ),
  ...leftovers('warning', 'vipd has no queue: a session goes to a server at once', 'timeout queue, fullconn'),
  ...leftovers(
    'warning',
    ENGINE,
    'bind-process, option tcp-smart-accept, option tcp-smart-connect, id, guid',
    'option independent-streams, option idle-close-on-response'
  ),
  ...leftovers(
    'warning',
    'built in: vipd always splices',
    'option splice-auto, option splice-request, option splice-response'
  ),
  ...leftovers('warning', 'only a name', 'description'),
  ...leftovers(
    'warning',
    'belongs to an algorithm that is not carried over',
    'hash-type, hash-balance-factor, hash-preserve-affinity'
  ),
  ...leftovers('warning', 'a reload of vipd forgets nothing', 'load-server-state-from-file, server-state-file-name'),
  ...leftovers('warning', 'servers have fixed addresses in vipd', 'resolve-prefer'),
  ...leftovers('warning', 'the check is a plain TCP connect', 'option tcp-check'),
  ...leftovers('warning', TLS, 'timeout client-hs'),
  ...leftovers(
    'changed',
    'a session of which one side has closed ends by the other timeouts (later work)',
    'timeout client-fin, timeout server-fin'
  ),
  ...leftovers(
    'changed',
    'HTTP checks are later work. Until then the check is TCP: it proves that the port answers, not that the server is ready',
    'option httpchk, http-check'
  ),
  ...leftovers(
    'changed',
    'it sent an SSLv3 hello, and took even an alert as success. The check is TCP now: no handshake, no errors in the servers’ logs',
    'option ssl-hello-chk'
  ),
  ...leftovers(
    'changed',
    'scripted checks are not carried over: the check is TCP',
    'tcp-check, option smtpchk, option mysql-check, option pgsql-check, option redis-check',
    'option ldap-check, option spop-check, option external-check, external-check, option lb-agent-chk'
  ),
  ...leftovers(
    'changed',
    RULES,
    'acl, use_backend, use-server, tcp-request, tcp-response, block, filter, force-persist',
    'ignore-persist'
  ),
  ...leftovers(
    'changed',
    'clients are not kept on one server: roundrobin for each connection',
    'stick-table, stick, persist, option persist, appsession'
  ),
  ...leftovers(
    'changed',
    LATER,
    'source, rate-limit, option abortonclose, option nolinger, email-alert, option transparent',
    'transparent, retry-on, max-session-srv-conns, option allbackups, declare, server-template',
    'dispatch, option log-backend'
  )
])
