import type { Setting, Target } from './target.js'

/** nginx's stream module: one worker for each thread, each with a listening socket of its own. */
export const nginx: Target = {
  name: 'nginx',
  package: 'nginx',
  configuration,
  argv: (ground, setting) => {
    const { port } = setting.listen
    const head = `pid ${ground.folder}/nginx-${port}.pid;\nload_module modules/ngx_stream_module.so;\n`
    const file = ground.write(`nginx-${port}.conf`, head + configuration(setting))
    return ['nginx', '-e', 'stderr', '-c', file, '-p', '/usr/share/nginx/', '-g', 'daemon off;']
  }
}

function configuration({ threads, listen, servers, backlog, maxconn }: Setting): string {
  return `user root;
worker_processes ${threads};
worker_rlimit_nofile 20000;
error_log stderr crit;
events {
  worker_connections ${2 * maxconn + 100};
}
stream {
  access_log off;
  tcp_nodelay on;
  upstream bench {
${servers.map((address) => `    server ${address} max_fails=0;`).join('\n')}
  }
  server {
    listen ${listen.address}:${listen.port} reuseport backlog=${backlog};
    proxy_connect_timeout 5s;
    proxy_timeout 60s;
    proxy_pass bench;
  }
}
`
}
