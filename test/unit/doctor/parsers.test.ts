import { describe, expect, it } from 'vitest';
import { countFree } from '../../../src/doctor/checks/host/net.pool.js';
import { parseDockerfile } from '../../../src/doctor/dockerfile.js';
import type { Facts } from '../../../src/doctor/facts.js';
import { parseListeningSockets } from '../../../src/doctor/listening-sockets.js';
import { causeInLogs } from '../../../src/doctor/log-causes.js';
import { looksLikePlaceholder } from '../../../src/doctor/placeholders.js';

const facts = { databaseSettings: () => undefined } as unknown as Facts;

describe('/proc/net/tcp', () => {
  it('gives listening ports, and which of them are on loopback', () => {
    const text = `  sl  local_address rem_address   st
   0: 00000000:138B 00000000:0000 0A 0 0 0 0 0
   1: 0100007F:1538 00000000:0000 0A 0 0 0 0 0
   2: 0B00007F:9C41 00000000:0000 0A 0 0 0 0 0
   3: 020013AC:138B 010013AC:D2A4 01 0 0 0 0 0
   0: 00000000000000000000000000000000:0050 0:0 0A
   1: 00000000000000000000000001000000:0051 0:0 0A
   2: 0000000000000000FFFF00000100007F:0052 0:0 0A`;
    expect(parseListeningSockets(text)).toEqual([
      { port: 5003, loopback: false },
      { port: 5432, loopback: true },
      { port: 80, loopback: false },
      { port: 81, loopback: true },
      { port: 82, loopback: true },
    ]);
  });
});

describe('address pools', () => {
  const pools = [{ Base: '10.0.0.0/22', Size: 24 }];
  it('counts what is left, but no further than is needed', () => {
    expect(countFree(pools, [], 2)).toBe(2);
    expect(countFree(pools, ['10.0.0.0/24', '10.0.1.128/25'], 9)).toBe(2);
    expect(countFree(pools, ['10.0.0.0/16'], 1)).toBe(0);
  });
});

describe('a Dockerfile', () => {
  it('is read with continuations, comments in them, the JSON form and heredocs', () => {
    const text =
      '# syntax=x\nFROM a AS b\nRUN one \\\n  # why\n  two\nCOPY --from=b ["x y", "/z"]\nRUN <<EOF\nUSER root\nEOF\nUSER 1:1\n';
    expect(parseDockerfile(text).map(({ keyword, words, line }) => [keyword, line, words])).toEqual([
      ['FROM', 2, ['a', 'AS', 'b']],
      ['RUN', 3, ['one', 'two']],
      ['COPY', 6, ['x y', '/z']],
      ['RUN', 7, ['<<EOF']],
      ['USER', 10, ['1:1']],
    ]);
  });
});

describe('placeholders', () => {
  it.each([
    'changeToken',
    'insecure_key_for_dev',
    'changeme',
    'your-super-secret-jwt-key-change-in-production',
    '<token>',
    'password',
    'xxx',
  ])('%s', (value) => {
    expect(looksLikePlaceholder(value)).toBe(true);
  });
  it.each(['k8Fj2-mQ9zLp0-vX7', 'yourself', 'change-of-plan-77', 'l0ng-enough-and-random'])(
    'not %s',
    (value) => {
      expect(looksLikePlaceholder(value)).toBe(false);
    },
  );
});

describe('known causes in logs', () => {
  it.each([
    ['FATAL:  password authentication failed for user "shop"', 'db.password-drift'],
    [
      'DETAIL:  The data directory was initialized by PostgreSQL version 15, which is not compatible',
      'db.major',
    ],
    ['error: both POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are set (but are exclusive)', 'db.both-set'],
    ['Error: ENOSPC: no space left on device, write', 'disk.full'],
    ["Error: EACCES: permission denied, open '/run/secrets/db_password'", 'secret.unreadable'],
    ["Error: EACCES: permission denied, mkdir '/data/x'", 'vol.permission'],
    ['getaddrinfo ENOTFOUND db', 'db.network'],
    ['connect ECONNREFUSED 127.0.0.1:5432', 'db.localhost'],
    ['exec ./entry.sh: no such file or directory', 'app.crlf'],
  ])('%s', (line, check) => {
    expect(causeInLogs(facts, ['noise', line])?.check).toBe(check);
  });
  it('end with what is typed where the services are deployed', () => {
    const commands = {
      logs: (service: string) => `docker service logs shop_${service}`,
      exec: (service: string, command: string) => `docker exec shop_${service} ${command}`,
      start: 'invctl deploy swarm',
      rebuild: 'invctl build --no-cache && invctl deploy swarm',
      networks: 'docker stack services shop',
      space: 'docker system df',
    };
    for (const line of [
      'POSTGRES_PASSWORD to a non-empty value',
      'error: both POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are set',
      'password authentication failed for user "shop"',
      'initialized by PostgreSQL version 15',
      'database "shop" does not exist',
      'ENOSPC',
      'API_KEY is the placeholder',
      "EACCES: permission denied, open '/run/secrets/db_password'",
      'ECONNREFUSED 127.0.0.1:5432',
      'getaddrinfo ENOTFOUND db',
      'the database system is starting up',
      'exec format error',
      'exec ./entry.sh: no such file or directory',
      "Cannot find module 'x'",
    ]) {
      const next = causeInLogs(facts, [line], '', commands)?.next;
      expect([line, next]).toEqual([line, expect.stringMatching(/docker|invctl deploy swarm/)]);
      expect(next).not.toMatch(/invctl (up|logs|exec|network)\b|invctl build(?! --no-cache && )/);
    }
  });
  it('not what a database said before it was started the last time', () => {
    const lines = [
      '2026-11-30 23:01:02 UTC [1] LOG:  starting PostgreSQL 17.6 (Debian)',
      '2026-11-30 23:01:04 UTC [77] FATAL:  role "invctl_protect" does not exist',
      'PostgreSQL Database directory appears to contain a database; Skipping initialization',
      '2026-11-30 23:09:11 UTC [1] FATAL:  WAL cannot be summarized when "wal_level" is "minimal"',
    ];
    expect(causeInLogs(facts, lines)?.message).toBe(
      'the server does not start with its settings: WAL cannot be summarized when "wal_level" is "minimal"',
    );
    expect(causeInLogs(facts, lines.slice(0, 2))?.check).toBe('db.role-missing');
    const full = '2026-11-30 23:09:12 UTC [1] FATAL:  could not write lock file: No space left on device';
    expect(causeInLogs(facts, [...lines.slice(0, 3), full])?.check).toBe('disk.full');
  });
  it('none in ordinary lines', () => {
    expect(
      causeInLogs(facts, ['listening on 0.0.0.0:5003', 'database system is ready to accept connections']),
    ).toBeUndefined();
  });
});
