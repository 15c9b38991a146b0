import { describe, expect, it } from 'vitest';
import { fileDiff } from '../../../src/project/file-diff.js';
import { redact } from '../../../src/system/secret.js';

/** Lines of the diff of an edit below these lines. */
function shown(...lines: string[]): string[] {
  const text = (image: string) => ({ text: `${lines.join('\n')}\nimage: ${image}\n` });
  const diff = fileDiff('compose.yaml', text('postgres:16'), text('postgres:17'), redact);
  expect(diff).toContain('-image: postgres:16\n+image: postgres:17');
  return diff.split('\n').filter((line) => line.startsWith(' '));
}

describe('the diff of a compose file', () => {
  it.each(['secrets: [db_password, jwt-key]', '    secrets: [ db_password ]', 'secrets: []'])(
    'shows the names in %j',
    (line) => {
      expect(shown(line)).toEqual([` ${line}`]);
    },
  );

  it.each([
    'secrets: hunter2',
    'API_SECRETS: [hunter2]',
    'my-secrets: [hunter2]',
    'secrets: [db_password] # password: hunter2',
    'secrets: [{password: hunter2}]',
    'environment: {POSTGRES_PASSWORD: hunter2}',
    '- POSTGRES_PASSWORD=hunter2',
    '"POSTGRES_PASSWORD": "hunter2"',
    '# POSTGRES_PASSWORD: hunter2',
    'DATABASE_URL: postgres://app:hunter2@db/shop',
  ])('hides the value in %j', (line) => {
    expect(shown(line).join()).not.toContain('hunter2');
  });
});
