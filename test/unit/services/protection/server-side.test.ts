import { describe, expect, it } from 'vitest';
import type { Database } from '../../../../src/postgres/database.js';
import {
  assertDataOutlivesContainer,
  assertPrograms,
  type ServerFacts,
} from '../../../../src/services/protection/server-side.js';

/** A database whose image has programs of a major, or none of them. */
function database(clients: number | undefined, mounts: { declared: string; actual: string }): Database {
  return {
    service: { name: 'db', mounts: [{ type: 'volume', source: 'pgdata', target: mounts.declared }] },
    location: {},
    engine: {
      pipe: async (_location: unknown, _service: string, [program]: string[]) => ({
        status: clients === undefined ? 127 : 0,
        stdout: clients === undefined ? '' : `${program} (PostgreSQL) ${clients}.12 (Debian)\n`,
        stderr: '',
      }),
      database: () => ({ hasClientPrograms: async () => true }),
      inspect: async () => [{ mounts: [{ target: mounts.actual }, { target: '/run/secrets' }] }],
    },
  } as unknown as Database;
}

const same = { declared: '/var/lib/postgresql/data', actual: '/var/lib/postgresql/data' };
const server = (major: number) => ({ major, dataDirectory: '/var/lib/postgresql/data' }) as ServerFacts;

describe('what stands against the protection', () => {
  it.each([
    [15, 17],
    [17, 17],
    [18, 18],
  ])('is not a server of %i with programs of %i', async (major, clients) => {
    await expect(assertPrograms(database(clients, same), server(major))).resolves.toBeUndefined();
  });

  it('is a program that is older than the server, or is not there', async () => {
    await expect(assertPrograms(database(17, same), server(18))).rejects.toMatchObject({
      code: 'PROTECTION_IMPOSSIBLE',
      message: expect.stringContaining('pg_receivewal of PostgreSQL 17'),
    });
    await expect(assertPrograms(database(undefined, same), server(16))).rejects.toMatchObject({
      message: expect.stringContaining('has no pg_receivewal'),
    });
  });

  it('is data in a volume that only its container has', async () => {
    const wrong = { declared: '/var/lib/postgresql', actual: '/var/lib/postgresql/data' };
    await expect(assertDataOutlivesContainer(database(17, wrong), server(16))).rejects.toMatchObject({
      code: 'PROTECTION_IMPOSSIBLE',
    });
    const parent = { declared: '/var/lib/postgresql/', actual: '/var/lib/postgresql' };
    for (const mounts of [same, parent]) {
      await expect(assertDataOutlivesContainer(database(17, mounts), server(16))).resolves.toBeUndefined();
    }
  });
});
