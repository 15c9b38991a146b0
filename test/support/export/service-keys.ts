/** One service for each key of the Compose schema (compose-go 2.4), in a form that Compose takes. */
export const SERVICE_KEYS: Readonly<Record<string, string>> = {
  annotations: 'annotations: {a: b}',
  attach: 'attach: false',
  blkio_config: 'blkio_config: {weight: 300}',
  build: 'build: .',
  cap_add: 'cap_add: [NET_ADMIN]',
  cap_drop: 'cap_drop: [ALL]',
  cgroup: 'cgroup: private',
  cgroup_parent: 'cgroup_parent: m-executor',
  command: 'command: ["sh", "-c", "echo $$HOME"]',
  configs: 'configs: [{source: settings, target: /etc/settings, mode: 0440}]',
  container_name: 'container_name: other',
  cpu_count: 'cpu_count: 2',
  cpu_percent: 'cpu_percent: 50',
  cpu_period: 'cpu_period: 100000',
  cpu_quota: 'cpu_quota: 50000',
  cpu_rt_period: 'cpu_rt_period: 1400000',
  cpu_rt_runtime: 'cpu_rt_runtime: 400000',
  cpu_shares: 'cpu_shares: 73',
  cpus: 'cpus: 0.5',
  cpuset: 'cpuset: 0,1',
  depends_on: 'depends_on: {t: {condition: service_healthy}}',
  deploy: 'deploy: {replicas: 2, resources: {limits: {cpus: 1, pids: 20}}}',
  develop: 'develop: {watch: [{path: ., action: rebuild}]}',
  device_cgroup_rules: "device_cgroup_rules: ['c 1:3 mr']",
  devices: 'devices: [/dev/null:/dev/other]',
  dns: 'dns: 8.8.8.8',
  dns_opt: 'dns_opt: [use-vc]',
  dns_search: 'dns_search: [example.com]',
  domainname: 'domainname: example.com',
  entrypoint: 'entrypoint: /bin/sh -c',
  env_file: 'env_file: [{path: other.env}]',
  environment: 'environment: {PRICE: "5$$", QUOTE: \'a "b"\', EMPTY: "", NUMBER: 010}',
  expose: "expose: ['3000']",
  external_links: 'external_links: [redis]',
  extra_hosts: 'extra_hosts: {somehost: 162.242.195.82, host.docker.internal: host-gateway}',
  group_add: 'group_add: [mail]',
  healthcheck: 'healthcheck: {test: curl -f http://localhost, interval: 1m30s, start_interval: 1s}',
  hostname: 'hostname: other',
  init: 'init: true',
  ipc: 'ipc: host',
  isolation: 'isolation: default',
  labels: 'labels: [com.example=a $$ b]',
  links: 'links: [t:other]',
  logging: 'logging: {driver: syslog, options: {syslog-address: "tcp://192.168.0.42:123"}}',
  mac_address: 'mac_address: 02:42:ac:11:65:43',
  mem_limit: 'mem_limit: 512m',
  mem_reservation: 'mem_reservation: 100m',
  mem_swappiness: 'mem_swappiness: 60',
  memswap_limit: 'memswap_limit: 1g',
  network_mode: 'network_mode: host',
  networks: 'networks: {back: {aliases: [other], ipv4_address: 172.16.238.10}}',
  oom_kill_disable: 'oom_kill_disable: true',
  oom_score_adj: 'oom_score_adj: 100',
  pid: 'pid: host',
  pids_limit: 'pids_limit: 100',
  platform: 'platform: linux/amd64',
  ports: 'ports: ["127.0.0.1:5003:5003", "8080-8081:80-81", "53:53/udp", "90"]',
  privileged: 'privileged: true',
  profiles: 'profiles: [always]',
  pull_policy: 'pull_policy: always',
  read_only: 'read_only: true',
  restart: 'restart: on-failure:3',
  runtime: 'runtime: runc',
  scale: 'scale: 2',
  secrets: 'secrets: [word, {source: word, target: /etc/word, uid: "1000", mode: 0400}]',
  security_opt: 'security_opt: [no-new-privileges:true]',
  shm_size: 'shm_size: 128mb',
  stdin_open: 'stdin_open: true',
  stop_grace_period: 'stop_grace_period: 1m30s',
  stop_signal: 'stop_signal: SIGUSR1',
  storage_opt: 'storage_opt: {size: 1G}',
  sysctls: 'sysctls: {net.core.somaxconn: 1024}',
  tmpfs: 'tmpfs: ["/run:size=64m,mode=755", /tmp]',
  tty: 'tty: true',
  ulimits: 'ulimits: {nproc: 65535, nofile: {soft: 20000, hard: 40000}}',
  user: 'user: "1000:1000"',
  userns_mode: 'userns_mode: host',
  uts: 'uts: host',
  volumes:
    'volumes: [data:/data, "./here:/there:ro", {type: tmpfs, target: /m, tmpfs: {size: 10m, mode: 1777}}, {type: volume, source: data, target: /d, volume: {nocopy: true, subpath: x}}]',
  volumes_from: 'volumes_from: [t]',
  working_dir: 'working_dir: /app',
};

/** A project whose service `s` has one key beside what it needs. */
export function projectWithKey(yaml: string): Record<string, string> {
  return projectOf(`  s:
    image: debian:trixie-slim
    ${yaml}
`);
}

/** A project with a service for each of these keys. */
export function projectWithKeys(keys: readonly string[]): Record<string, string> {
  return projectOf(
    keys
      .map((key, index) => `  k${index}:\n    image: debian:trixie-slim\n    ${SERVICE_KEYS[key]}\n`)
      .join(''),
  );
}

function projectOf(services: string): Record<string, string> {
  return {
    'compose.yaml': `name: shop
services:
  t: {image: "debian:trixie-slim", restart: always, healthcheck: {test: "true"}}
${services}networks: {back: {driver: bridge, driver_opts: {a: b}, ipam: {config: [{subnet: 172.16.238.0/24}]}}}
volumes: {data: {labels: {a: b}}}
configs: {settings: {content: "a: $$b"}}
secrets: {word: {file: ./word.txt}}
`,
    'word.txt': 'a long secret word\n',
    'other.env': 'A=1\n',
    Dockerfile: 'FROM debian:trixie-slim\n',
  };
}
