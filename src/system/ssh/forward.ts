import { UserError } from '../../errors.js';
import { findFreePort } from '../ports.js';
import type { SshConnection } from './connection.js';

/** A port of this machine's loopback that leads to one of the host. */
export interface HostForward {
  port: number;
  close(): Promise<void>;
}

/**
 * @param to an address as the host sees it
 * @param wanted port of this machine; absent: any free one
 * @throws UserError PORT_IN_USE
 */
export async function openForward(
  connection: SshConnection,
  to: { host: string; port: number },
  wanted?: number,
): Promise<HostForward> {
  const port = wanted ?? (await findFreePort('127.0.0.1'));
  const host = to.host.includes(':') ? `[${to.host}]` : to.host;
  const way = ['-L', `127.0.0.1:${port}:${host}:${to.port}`];
  const result = await connection.ask('forward', way);
  if (result.status !== 0) {
    throw new UserError({
      code: 'PORT_IN_USE',
      message: `port ${port} of this machine cannot be forwarded: ${result.stderr.trim().split('\n').at(-1)}`,
      hint: 'leave --port away: any free one is taken',
      details: { port },
    });
  }
  return {
    port,
    close: async () => {
      await connection.ask('cancel', way);
    },
  };
}
