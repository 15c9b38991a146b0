import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { hasErrorCode } from '../errors.js';

export interface Listener {
  pid: number;
  name: string;
}

/**
 * Whether this address can be bound at this moment. An address that this machine does not have counts as
 * bindable.
 */
export async function isPortFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if (hasErrorCode(error, 'EADDRINUSE')) resolve(false);
      else if (hasErrorCode(error, 'EADDRNOTAVAIL', 'EACCES', 'EAFNOSUPPORT')) resolve(true);
      else reject(error);
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Returns a port that is free now on this address: the first after `above`, or any one. */
export async function findFreePort(host: string, above?: number): Promise<number> {
  if (above !== undefined) {
    for (let port = above + 1; port <= Math.min(above + 100, 65_535); port += 1) {
      if (await isPortFree(host, port)) return port;
    }
  }
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host, port: 0 }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/**
 * Returns the process that listens on a TCP port of this machine, read from /proc (Linux). Undefined if it
 * belongs to another user whose processes we may not inspect, or on another system.
 */
export async function findListener(port: number): Promise<Listener | undefined> {
  const inodes = new Set<string>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(file, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      const localPort = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16);
      // 0A is LISTEN in the kernel's tcp_states.h.
      if (localPort === port && fields[3] === '0A' && fields[9]) inodes.add(`socket:[${fields[9]}]`);
    }
  }
  if (inodes.size === 0) return undefined;
  for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
      if (!inodes.has(target)) continue;
      const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
      return { pid: Number(pid), name: name.trim() };
    }
  }
  return undefined;
}
