import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';

/** Of the kernel's accounting in /proc; 100 on every Linux architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface Load {
  readonly perSecond: number;
  /** Of the API's process, user and system. */
  readonly cpuMicrosPerRequest: number;
}

/**
 * Keeps `connections` requests in flight for `seconds`. Speaks just enough HTTP to cost little beside the API.
 *
 * @param next the bytes of another request.
 * @throws {Error} for any answer that is not a success.
 */
export async function measureLoad(
  url: string,
  pid: number,
  { connections, seconds, next }: { connections: number; seconds: number; next: () => string },
): Promise<Load> {
  const { hostname, port } = new URL(url);
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect(Number(port), hostname).setNoDelay();
      await once(socket, 'connect');
      return socket;
    }),
  );
  let count = 0;
  const cpuBefore = cpuSeconds(pid);
  const started = performance.now();
  const end = started + seconds * 1000;
  await Promise.all(
    sockets.map(async (socket) => {
      while (performance.now() < end) {
        await ask(socket, next());
        count += 1;
      }
      socket.destroy();
    }),
  );
  const elapsed = (performance.now() - started) / 1000;
  return {
    perSecond: count / elapsed,
    cpuMicrosPerRequest: ((cpuSeconds(pid) - cpuBefore) / count) * 1e6,
  };
}

function ask(socket: Socket, request: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const receive = (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      const head = answer.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(answer.slice(0, head))?.[1]);
      if (answer.length < head + 4 + length) return;
      socket.off('data', receive).off('error', reject);
      if (/^HTTP\/1\.1 20/.test(answer)) resolve();
      else reject(new Error(answer));
    };
    socket.on('data', receive).once('error', reject);
    socket.write(request);
  });
}

/** Seconds of CPU that a process has used, from field 14 and 15 of proc(5)'s stat. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** The most memory that a process has had, in MiB. */
export function peakMemory(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
