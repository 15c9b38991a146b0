import { describe, expect, it } from 'vitest';
import type { FileHere } from '../../../src/template/file-here.js';
import { decide, type Earlier } from '../../../src/template/upgrade-file.js';

const LABELS = { ours: 'yours', base: 'old', theirs: 'new' };
const content = (text: string) => Buffer.from(text);
const here = (text: string, mode = 0o644): FileHere => ({
  kind: 'file',
  path: 'run.sh',
  content: content(text),
  mode,
});
const earlier = (text: string, mode = 0o644): Earlier => ({
  known: true,
  file: { content: content(text), mode },
});
const sides = { path: 'run.sh', frozen: false, labels: LABELS };

describe('permission bits', () => {
  it('are the person’s where the template changed only the text', () => {
    expect(
      decide({
        ...sides,
        earlier: earlier('a\n'),
        here: here('a\n', 0o755),
        theirs: { content: content('b\n'), mode: 0o644 },
      }),
    ).toEqual({
      status: 'updated',
      content: content('b\n'),
      mode: 0o755,
    });
  });

  it('follow the template where it made a file a program', () => {
    expect(
      decide({
        ...sides,
        earlier: earlier('a\n'),
        here: here('mine\n', 0o640),
        theirs: { content: content('a\n'), mode: 0o755 },
      }),
    ).toEqual({
      status: 'merged',
      content: content('mine\n'),
      mode: 0o751,
    });
  });
});

describe('a migration', () => {
  const frozen = { ...sides, frozen: true };

  it('that the template changed stays, edited or not', () => {
    const theirs = { content: content('b\n'), mode: 0o644 };
    for (const text of ['a\n', 'mine\n']) {
      expect(decide({ ...frozen, earlier: earlier('a\n'), here: here(text), theirs })).toEqual({
        status: 'kept',
        reason: 'migration',
      });
    }
  });

  it('that the template has no more stays', () => {
    expect(decide({ ...frozen, earlier: earlier('a\n'), here: here('a\n'), theirs: undefined })).toEqual({
      status: 'kept',
      reason: 'migration',
    });
  });
});

describe('what is no file', () => {
  const theirs = { content: content('b\n'), mode: 0o644 };
  it.each(['other', 'link', 'below-file'] as const)(
    '(%s) is never written over, and a conflict only where the template changed',
    (kind) => {
      expect(decide({ ...sides, earlier: earlier('a\n'), here: { kind }, theirs })).toEqual({
        status: 'conflict',
        kind: 'not-a-file',
      });
      expect(decide({ ...sides, earlier: earlier('b\n'), here: { kind }, theirs })).toEqual({
        status: 'unchanged',
      });
      expect(decide({ ...sides, earlier: earlier('a\n'), here: { kind }, theirs: undefined })).toEqual({
        status: 'unchanged',
      });
    },
  );
});

it('says so where nobody has the text that an edited file was made from', () => {
  expect(
    decide({
      ...sides,
      earlier: { known: false },
      here: here('mine\n'),
      theirs: { content: content('b\n'), mode: 0o644 },
    }),
  ).toMatchObject({
    status: 'conflict',
    kind: 'lines',
    baseUnknown: true,
  });
});
