import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { ComposeProject, ComposeService } from '../../../../src/project/model.js';
import { PLACE_IN_CONTAINER } from '../../../../src/project/receiver.js';
import { withReceiver } from '../../../../src/services/protection/receiver-service.js';

const SCRIPT = new URL('../../../../templates/protection/receiver.sh', import.meta.url);

/** What a container does once it sees another disk than that of its place; nothing is ever started there. */
describe('a receiver whose disk is away', () => {
  let folder: string;
  let place: string;

  beforeEach(() => {
    // As the path in a container: without a blank.
    folder = mkdtempSync(join(tmpdir(), 'invctl-lost-disk-'));
    place = join(folder, 'place');
    mkdirSync(place);
    mkdirSync(join(folder, 'bin'));
    program('sleep', ':');
    program('tail', 'echo waits');
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  function program(name: string, script: string): void {
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  /** What the service of the compose file runs, with another path for the place. */
  function start(): { status: number | null; stdout: string } {
    const text = 'services:\n  db:\n    image: postgres:16\n';
    const database = { name: 'db', image: 'postgres:16', networks: [], profiles: [], environment: {} };
    const { after } = withReceiver({
      project: { services: { db: database } } as unknown as ComposeProject,
      database: database as unknown as ComposeService,
      files: [{ file: 'compose.yaml', text }],
      lastFile: false,
      place: './backups/protection',
      user: { uid: 1, gid: 1 },
      everySeconds: 60,
      keepSeconds: 60,
    });
    const [program = '', ...args] = parse(after).services['db-protect'].entrypoint.map((word: string) =>
      word.replaceAll('$$', '$').replaceAll(PLACE_IN_CONTAINER, place),
    );
    return spawnSync(program, args, {
      encoding: 'utf8',
      timeout: 20_000,
      env: { PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
    });
  }

  it('is ended, and so started again, where the server knows it', () => {
    program('psql', 'echo "psql: error: connection failed: fe_sendauth: no password supplied" >&2; exit 2');
    expect(start().status).toBe(1);
    program('psql', 'echo "7123456789012345678|1|0/3000148|"');
    expect(start().status).toBe(1);
  });

  it('waits in a clone of the project, once the server has turned it down', () => {
    program(
      'psql',
      `echo asked >>'${folder}/asked'
[ "$(wc -l <'${folder}/asked')" -gt 2 ] || { echo 'FATAL:  the database system is starting up' >&2; exit 2; }
echo 'FATAL:  no pg_hba.conf entry for replication connection from host "172.18.0.3", user "invctl_protect"' >&2; exit 2`,
    );
    const { status, stdout } = start();
    expect({ status, waits: stdout.endsWith('waits\n') }).toEqual({ status: 0, waits: true });
    expect(readFileSync(join(folder, 'asked'), 'utf8')).toBe('asked\n'.repeat(3));
  });

  it('receives where the disk is there', () => {
    writeFileSync(join(place, 'receiver.sh'), 'echo "$1"');
    expect(start().stdout).toBe('receive\n');
  });

  /** The receiver's own wait, in a container or without one. */
  function awaitDisk(inContainer: boolean, pause: string): { status: number | null; stderr: string } {
    const script = readFileSync(SCRIPT, 'utf8');
    const functions = script.slice(0, script.indexOf('\ncase ${1:-} in'));
    return spawnSync('sh', ['-s'], {
      encoding: 'utf8',
      timeout: 20_000,
      input: `${functions}
rm -r "$place/state"
pause() { ${pause}; }
${inContainer ? 'unset PLACE' : ''}
await_disk && exit 7`,
      env: { ...process.env, PLACE: place, KEEP: '60', EVERY: '60' },
    });
  }

  it('is ended where it can no longer write, which only the embedded engine waits out', () => {
    expect(awaitDisk(true, ':')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('cannot be written to'),
    });
    expect(awaitDisk(false, 'mkdir "$place/state"').status).toBe(7);
  });
});
