import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bin } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { type DatabaseProject, startDatabaseProject } from './fixture.js';

const MEGABYTE = 1024 * 1024;

describe.skipIf(withoutDocker)('a row of several hundred megabytes', () => {
  let project: DatabaseProject;

  beforeAll(() => {
    project = startDatabaseProject('huge');
    project.sql(`CREATE TABLE files (id int, content text, raw bytea);
      ALTER TABLE files ALTER content SET STORAGE EXTERNAL, ALTER raw SET STORAGE EXTERNAL;`);
  });

  afterAll(() => project?.remove());

  it('that is too large as text cannot be dumped, and the hint says what can', async () => {
    project.sql(`INSERT INTO files VALUES (1, NULL, repeat('0123456789abcdef', 34000000)::bytea)`);
    const { code, stdout } = await project.invctl(['db', 'backup', '--json']);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'BACKUP_FAILED',
      message: expect.stringContaining('"files"'),
      hint: expect.stringContaining('large objects'),
    });
    expect(code).toBe(1);
    project.sql('TRUNCATE files');
  });

  it.runIf(process.env.FAULT_STEPS === 'all')(
    'of 900 MB is backed up, proved and restored in less than 150 MB of our memory',
    async () => {
      project.sql(`INSERT INTO files VALUES (2, repeat('0123456789 ', 82000000), NULL)`);
      const seeded = project.sql('SELECT id, md5(content) FROM files');
      const file = join(project.directory, 'huge.dump');
      expect(await peakMemory(['db', 'backup', '--level', '3', '-o', file])).toBeLessThan(150 * MEGABYTE);
      project.sql('TRUNCATE files');
      expect(await peakMemory(['db', 'restore', file, '--yes'])).toBeLessThan(150 * MEGABYTE);
      expect(project.sql('SELECT id, md5(content) FROM files')).toBe(seeded);
      await project.succeed(['db', 'restore', '--undo', '--yes']);
      expect(project.sql('SELECT count(*) FROM files')).toBe('0');
    },
    900_000,
  );

  it.runIf(process.env.FAULT_STEPS === 'all')(
    'and 5,000 tables fit the stack and the locks of a server, and our memory',
    async () => {
      for (let from = 1; from <= 5000; from += 500) {
        project.sql(
          `DO $$ BEGIN FOR i IN ${from}..${from + 499} LOOP EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY); INSERT INTO t%1$s VALUES (1)', i); END LOOP; END $$`,
        );
      }
      const file = join(project.directory, 'many.dump');
      expect(await peakMemory(['db', 'backup', '--level', '3', '-o', file])).toBeLessThan(150 * MEGABYTE);
      project.sql('TRUNCATE t4711');
      expect(await peakMemory(['db', 'restore', file, '--yes'])).toBeLessThan(150 * MEGABYTE);
      expect(project.sql('SELECT count(*) FROM t4711')).toBe('1');
    },
    900_000,
  );

  /** Runs a command to its good end. Returns the most memory that it had, in bytes. */
  async function peakMemory(args: readonly string[]): Promise<number> {
    const report = `import { writeSync } from 'node:fs';
      process.on('exit', () => writeSync(1, 'peak ' + process.resourceUsage().maxRSS));`;
    const child = spawn(
      process.execPath,
      [`--import=data:text/javascript,${encodeURIComponent(report)}`, bin, ...args],
      { cwd: project.directory, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    const [code] = await once(child, 'close');
    expect(code, output).toBe(0);
    return Number(/peak (\d+)$/.exec(output)?.[1]) * 1024;
  }
});
