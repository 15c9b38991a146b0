import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const PARTS = ['account', 'container', 'object'] as const;

/** Whether OpenStack Swift is here, whose S3 API copies in a bucket are held against. */
export const withoutSwift = [...PARTS, 'proxy'].some(
  (part) => spawnSync(`swift-${part}-server`, ['--help']).error !== undefined,
);

if (withoutSwift) {
  console.warn(
    'skipped: copies in a bucket of a real server (Debian: apt-get install swift-proxy swift-account swift-container swift-object)',
  );
}

export interface SwiftServer {
  endpoint: string;
  /** Credentials, as the AWS tools take them. */
  env: Record<string, string>;
  stop(): Promise<void>;
}

/** A Swift of one disk on loopback, with its S3 API and signatures that are checked. */
export async function startSwift(): Promise<SwiftServer> {
  const folder = mkdtempSync(join(tmpdir(), 'invctl-swift-'));
  mkdirSync(join(folder, 'devices', 'd1'), { recursive: true });
  const [account, container, object, proxy] = await freePorts(4);
  const ports = { account, container, object } as Record<(typeof PARTS)[number], number>;
  const common = (port: number) => `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
user = ${userInfo().username}
swift_dir = ${folder}
`;
  for (const part of PARTS) {
    const ring = (...words: string[]) =>
      // 1: a warning, as of a ring with a single disk
      spawnSync('swift-ring-builder', [`${part}.builder`, ...words], { cwd: folder });
    ring('create', '1', '1', '0');
    ring('add', `r1z1-127.0.0.1:${ports[part]}/d1`, '1');
    ring('rebalance');
    writeFileSync(
      join(folder, `${part}.conf`),
      `${common(ports[part])}devices = ${join(folder, 'devices')}
mount_check = false
[pipeline:main]
pipeline = ${part}-server
[app:${part}-server]
use = egg:swift#${part}
`,
    );
  }
  const filters = ['catch_errors', 'cache', 'listing_formats', 'bulk', 's3api', 'tempauth', 'slo', 'dlo'];
  const settings: Record<string, string> = {
    cache: 'use = egg:swift#memcache\nmemcache_servers = 127.0.0.1:1',
    s3api: 'use = egg:swift#s3api\nlocation = us-east-1\ncheck_bucket_owner = false',
    tempauth: 'use = egg:swift#tempauth\nuser_shop_keeper = seeded-marker-secret .admin',
  };
  writeFileSync(
    join(folder, 'proxy.conf'),
    `${common(proxy as number)}[pipeline:main]
pipeline = ${filters.join(' ')} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
${filters.map((name) => `[filter:${name}]\n${settings[name] ?? `use = egg:swift#${name}`}\n`).join('')}`,
  );
  const children = [...PARTS, 'proxy'].map((part) =>
    spawn(`swift-${part}-server`, [join(folder, `${part}.conf`)], { stdio: 'ignore' }),
  );
  await Promise.all([account, container, object, proxy].map((port) => answers(port as number, children)));
  return {
    endpoint: `http://127.0.0.1:${proxy}`,
    env: {
      AWS_ACCESS_KEY_ID: 'shop:keeper',
      AWS_SECRET_ACCESS_KEY: 'seeded-marker-secret',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    },
    async stop() {
      await Promise.all(
        children.map(async (child) => {
          const ended = once(child, 'exit');
          child.kill('SIGKILL');
          await ended;
        }),
      );
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function answers(port: number, children: readonly ChildProcess[]): Promise<void> {
  for (;;) {
    if (children.some(({ exitCode }) => exitCode !== null)) throw new Error('a server of Swift ended');
    const socket = connect(port, '127.0.0.1');
    const connected = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (connected) return;
    await sleep(100);
  }
}
