import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { ClientSession } from '../../../../src/engine/embedded/client-session.js';

const PORT = 5432;

it('a session ends with an interruption while the server has not answered yet', async () => {
  const socketFolder = mkdtempSync(join(tmpdir(), 'invctl session '));
  const interruption = new AbortController();
  // As one that starts, or is under load.
  const server = createServer(() => interruption.abort());
  onTestFinished(() => {
    server.close();
    rmSync(socketFolder, { recursive: true });
  });
  await new Promise<void>((resolve) => server.listen(join(socketFolder, `.s.PGSQL.${PORT}`), resolve));
  const opening = ClientSession.open(
    {
      host: '127.0.0.1',
      socketFolder,
      port: PORT,
      user: 'owner',
      database: 'shop',
      password: undefined,
      serverMajor: 17,
    },
    { user: 'owner', database: 'shop', applicationName: 'invctl test', signal: interruption.signal },
  );
  await expect(opening).rejects.toMatchObject({ name: 'AbortError' });
});
