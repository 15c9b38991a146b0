// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are Compose's

import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.js';
import { locateProject } from '../../../src/project/locate.js';
import { readProject } from '../../../src/project/read.js';
import { maskText } from '../../../src/project/secret-values.js';
import { bareShell, withProject } from '../../support/project/project-on-disk.js';

const MARKER = 's3cr3t-marker';
const service = (body: string) => ({ 'compose.yaml': `services:\n  web:\n    image: x\n${body}` });

describe('the message of a refusal holds no value', () => {
  it.each([
    ['an open quote', { ...service('    env_file: a.env\n'), 'a.env': `A="${MARKER}\n` }],
    ['a space in a key', { ...service('    env_file: a.env\n'), 'a.env': `${MARKER} x=1\n` }],
    ['a strange character', { ...service('    env_file: a.env\n'), 'a.env': `A=1\n${MARKER}!\n` }],
    ['a bad expression', service(`    environment: {A: "\${PW!${MARKER}}"}\n`)],
    ['a bad expression in .env', { ...service(''), '.env': `A=\${PW!${MARKER}}\n` }],
    [
      'a message with a variable',
      { ...service('    hostname: ${NO:?not ${PW}}\n'), '.env': `PW=${MARKER}\n` },
    ],
    ['a list with doubles', service(`    security_opt: [${MARKER}, ${MARKER}]\n`)],
    ['a nested environment', service(`    environment:\n      A: [${MARKER}]\n`)],
    ['an unclosed string', service(`    environment:\n      A: "${MARKER}\n`)],
  ])('for %s', async (_title, files) => {
    await withProject(files, async (directory) => {
      const shell = bareShell();
      const error = await Promise.resolve()
        .then(() => readProject(locateProject(directory, shell), shell))
        .catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(UserError);
      const { message, hint, details } = error as UserError;
      expect(JSON.stringify([message, hint, details])).not.toContain(MARKER);
    });
  });
});

it('a passphrase is masked to its last word', () => {
  const shown = maskText(`POSTGRES_PASSWORD: correct horse ${MARKER}\n`, [`correct horse ${MARKER}`]);
  expect(shown).toBe('POSTGRES_PASSWORD: [redacted]\n');
});
