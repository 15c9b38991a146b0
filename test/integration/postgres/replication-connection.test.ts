import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ask, connect } from '../../../src/postgres/replication/server.js';

/** The messages of a server that lets anybody in: AuthenticationOk and ReadyForQuery. */
const LET_IN = Buffer.from('R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I', 'latin1');

describe('a connection of the receiver without client programs', () => {
  let server: Server | undefined;
  afterEach(() => {
    vi.unstubAllEnvs();
    server?.close();
  });

  it('ends what was asked with an error, and not the process, where the server is killed meanwhile', async () => {
    server = createServer((socket) => {
      socket.once('data', () => {
        socket.write(LET_IN);
        socket.once('data', () => socket.resetAndDestroy());
      });
    });
    await new Promise<void>((listening) => server?.listen(0, '127.0.0.1', listening));
    vi.stubEnv('PGHOST', '127.0.0.1');
    vi.stubEnv('PGPORT', String((server.address() as { port: number }).port));
    vi.stubEnv('PGUSER', 'invctl_protect');
    vi.stubEnv('PGPASSWORD', 'none');
    const { client } = await connect('test', true);
    await expect(ask(client, 'IDENTIFY_SYSTEM')).rejects.toThrow(/ECONNRESET|terminated/);
    await new Promise((later) => setTimeout(later, 50));
  });
});
