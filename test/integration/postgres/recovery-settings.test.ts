import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recoverySettings } from '../../../src/postgres/recovery-settings.js';
import { serverFromNpm } from '../../support/embedded.js';

const SEGMENT = '000000010000000000000001';

/** What a real server takes from its configuration file. */
function read(folder: string, name: string): string {
  const program = join(serverFromNpm(), 'bin', 'postgres');
  const said = execFileSync(program, ['-C', name, '-D', folder], { encoding: 'utf8', stdio: 'pipe' });
  return said.slice(0, -1);
}

/** As `replace_percent_placeholders` of the server. */
function filled(command: string, values: Record<string, string>): string {
  return command.replace(/%(.)/g, (_, letter: string) => (letter === '%' ? '%' : (values[letter] as string)));
}

describe('settings of a recovery', () => {
  it.each([
    'plain',
    "it's",
    'two words',
    'a "quoted" one',
    'back\\slash\\n',
    '$HOME `id` $(id)',
    '100%f %p %%',
    'a\nline',
    'Größe',
    '-rf',
  ])('lead a server and its shell to the WAL in a folder that is named %j', (name) => {
    const root = mkdtempSync(join(tmpdir(), 'invctl recovery '));
    try {
      const wal = join(root, name);
      mkdirSync(wal);
      writeFileSync(join(wal, `${SEGMENT}.partial`), 'the WAL');
      writeFileSync(join(root, 'postgresql.conf'), recoverySettings(wal, 1, { kind: 'end' }));
      const restored = join(root, 'restored');
      const command = filled(read(root, 'restore_command'), { f: SEGMENT, p: restored });
      execFileSync('sh', ['-c', command]);
      expect(readFileSync(restored, 'utf8')).toBe('the WAL');
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });

  it('give the moment as the server reads it', () => {
    const root = mkdtempSync(join(tmpdir(), 'invctl recovery '));
    try {
      const at = new Date('2026-11-29T14:05:03.120Z');
      writeFileSync(join(root, 'postgresql.conf'), recoverySettings(root, 3, { kind: 'moment', at }));
      expect(read(root, 'recovery_target_time')).toBe('2026-11-29 14:05:03.120+00');
      expect(read(root, 'recovery_target_timeline')).toBe('3');
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
