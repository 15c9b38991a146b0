import { describe, expect, it } from 'vitest';
import { conflictLines } from '../../../src/template/conflict-markers.js';
import { mergeFile, sameText } from '../../../src/template/three-way.js';

const LABELS = { ours: 'yours', base: 'template 1', theirs: 'template 2' };
const bytes = (text: string | Buffer) => (typeof text === 'string' ? Buffer.from(text) : text);

function merge(
  path: string,
  base: string | Buffer | undefined,
  ours: string | Buffer,
  theirs: string | Buffer,
) {
  return mergeFile(
    path,
    { base: base === undefined ? undefined : bytes(base), ours: bytes(ours), theirs: bytes(theirs) },
    LABELS,
  );
}

function merged(...versions: Parameters<typeof merge>): string {
  const result = merge(...versions);
  if (result.outcome !== 'merged') throw new Error(`not merged but ${JSON.stringify(result)}`);
  return result.content.toString('latin1');
}

describe('lines', () => {
  it('takes changes of both sides', () => {
    expect(merged('a.ts', 'a\nb\nc\nd\n', 'A\nb\nc\nd\n', 'a\nb\nc\nD\n')).toBe('A\nb\nc\nD\n');
  });

  it('takes the same change of both sides once', () => {
    expect(merged('a.ts', 'a\nb\nc\n', 'a\nX\nc\n', 'a\nX\nc\nd\n')).toBe('a\nX\nc\nd\n');
  });

  it('puts both sides and what they were made from between markers', () => {
    expect(merge('a.ts', 'a\nb\nc\n', 'a\nmine\nc\n', 'a\ntheirs\nc\n')).toEqual({
      outcome: 'conflict',
      content: Buffer.from(
        'a\n<<<<<<< yours\nmine\n||||||| template 1\nb\n=======\ntheirs\n>>>>>>> template 2\nc\n',
      ),
      lines: [2],
    });
  });

  it('marks every difference, and nothing else, where there is no base', () => {
    const result = merge('a.ts', undefined, 'a\nmine\nc\nd\n', 'a\nc\nd\ntheirs\n');
    expect(result).toMatchObject({ outcome: 'conflict', lines: [2, 8] });
    expect(result.outcome === 'conflict' && result.content.toString()).toBe(
      'a\n<<<<<<< yours\nmine\n=======\n>>>>>>> template 2\nc\nd\n<<<<<<< yours\n=======\ntheirs\n>>>>>>> template 2\n',
    );
  });

  it('is not misled by lines that are named like what every object has', () => {
    expect(
      merged(
        'a.ts',
        'constructor\n__proto__\nx\n',
        'constructor\n__proto__\nX\n',
        'toString\nconstructor\n__proto__\nx\n',
      ),
    ).toBe('toString\nconstructor\n__proto__\nX\n');
  });

  it('keeps whitespace as each side has it', () => {
    expect(
      merged('Makefile', 'all:\n\tone\n\nend\nx\n', 'all:\n\tone  \n\nend\nx\n', 'all:\n\tone\n\nend\n  x\n'),
    ).toBe('all:\n\tone  \n\nend\n  x\n');
  });
});

describe('line ends', () => {
  it('are those of the person, whatever the template has', () => {
    expect(merged('a.ts', 'a\nb\nc\n', 'A\r\nb\r\nc\r\n', 'a\nb\nC\n')).toBe('A\r\nb\r\nC\r\n');
    expect(merged('a.bat', 'a\r\nb\r\nc\r\n', 'A\nb\nc\n', 'a\r\nb\r\nC\r\n')).toBe('A\nb\nC\n');
  });

  it('of a file with both kinds are compared as they are, as git does', () => {
    expect(merged('a.ts', 'a\nb\nc\nd\n', 'a\r\nb\nc\nd\n', 'a\nb\nc\nD\n')).toBe('a\r\nb\nc\nD\n');
    expect(merge('a.ts', 'a\nb\n', 'a\r\nb\n', 'A\nb\n').outcome).toBe('conflict');
  });

  it('are no edit', () => {
    expect(sameText(bytes('a\r\nb\r\n'), bytes('a\nb\n'))).toBe(true);
    expect(sameText(bytes('a\r\nb\n'), bytes('a\nb\n'))).toBe(false);
  });

  it.each([
    ['gone here', 'a\nb\nc\n', 'a\nb\nc', 'A\nb\nc\n', 'A\nb\nc'],
    ['gone in the template', 'a\nb\nc\n', 'A\nb\nc\n', 'a\nb\nc', 'A\nb\nc'],
    ['new in the template', 'a\nb\nc', 'A\nb\nc', 'a\nb\nc\n', 'A\nb\nc\n'],
    ['missing everywhere', 'a\nb\nc', 'A\nb\nc', 'a\nb\nC', 'A\nb\nC'],
  ])('at the end: %s', (_, base, ours, theirs, expected) => {
    expect(merged('a.ts', base, ours, theirs)).toBe(expected);
  });

  it('behind the last marker is one, even where no side has it', () => {
    const result = merge('a.ts', 'a', 'b', 'c');
    expect(result.outcome === 'conflict' && result.content.toString().endsWith('>>>>>>> template 2\n')).toBe(
      true,
    );
  });
});

describe('bytes', () => {
  it('that are no UTF-8 stay as they are', () => {
    const latin = (text: string) => Buffer.from(text, 'latin1');
    expect(merged('a.ts', latin('\xe4\nb\nc\n'), latin('\xe4\nb\n\xff\xfe\n'), latin('\xe4x\nb\nc\n'))).toBe(
      '\xe4x\nb\n\xff\xfe\n',
    );
  });

  it('with a NUL are no text', () => {
    expect(merge('a.png', 'a\0', 'b\0', 'c\0')).toEqual({ outcome: 'apart', reason: 'binary' });
    expect(merge('utf16.txt', 'a\n', Buffer.from('mine\n', 'utf16le'), 'b\n')).toEqual({
      outcome: 'apart',
      reason: 'binary',
    });
  });
});

describe('JSON', () => {
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

  it('takes packages that both sides added on neighbouring lines', () => {
    const base = json({ name: 'api', dependencies: { fastify: '5', pg: '8' }, private: true });
    const ours = json({ name: 'api', dependencies: { fastify: '5', lodash: '4', pg: '8' }, private: true });
    const theirs = json({
      name: 'api',
      dependencies: { fastify: '5', ioredis: '5', pg: '8', zod: '4' },
      private: true,
    });
    expect(JSON.parse(merged('package.json', base, ours, theirs))).toEqual({
      name: 'api',
      dependencies: { fastify: '5', ioredis: '5', lodash: '4', pg: '8', zod: '4' },
      private: true,
    });
  });

  it('keeps the order of the person, and puts what is new where the template has it', () => {
    expect(
      merged(
        'a.json',
        json({ b: 1, a: 1, z: 1 }),
        json({ z: 2, b: 1, a: 1 }),
        json({ b: 1, n: 1, a: 1, z: 1 }),
      ),
    ).toBe(json({ z: 2, b: 1, n: 1, a: 1 }));
  });

  it('removes what a side removed, and knows keys that every object has', () => {
    expect(
      merged('a.json', json({ a: 1, b: 1 }), json({ b: 1 }), json({ a: 1, b: 1, constructor: 'x' })),
    ).toBe(json({ b: 1, constructor: 'x' }));
  });

  it('is a conflict where both sides changed one value', () => {
    expect(merge('a.json', json({ a: 1 }), json({ a: 2 }), json({ a: 3 }))).toMatchObject({
      outcome: 'conflict',
    });
  });

  it('in a layout of its own is merged by lines', () => {
    expect(
      merged(
        'a.json',
        '{"a": 1,\n"b": 1,\n"c": 1}\n',
        '{"a": 2,\n"b": 1,\n"c": 1}\n',
        '{"a": 1,\n"b": 1,\n"c": 3}\n',
      ),
    ).toBe('{"a": 2,\n"b": 1,\n"c": 3}\n');
  });

  it('that nobody could read any more is not written', () => {
    const base = '{ "a": 1,\n\n\n"c": 1 }\n';
    const ours = '{ "a": 1, "b": 2 }\n\n\n\n';
    expect(merge('a.json', base, ours, '{ "x": 0, "a": 1,\n\n\n"c": 1 }\n').outcome).not.toBe('merged');
  });
});

it('YAML in which both sides added the same key is not written', () => {
  const base = 'services:\n  api:\n    image: a\n    ports: []\n    user: b\n    tty: true\n';
  const ours = base.replace('    ports', '    init: true\n    ports');
  const theirs = base.replace('    tty: true\n', '    tty: true\n    init: false\n');
  expect(merge('compose.yaml', base, ours, theirs)).toEqual({ outcome: 'apart', reason: 'invalid' });
  expect(merge('notes.txt', base, ours, theirs).outcome).toBe('merged');
});

describe('conflict markers', () => {
  it.each([
    ['none', 'a\n=======\nb\n', []],
    ['two conflicts', '<<<<<<< a\n=======\n>>>>>>> b\nx\n<<<<<<< a\r\n=======\n>>>>>>> b\n', [1, 5]],
    ['only the first line is left', 'x\n<<<<<<< yours\n', [2]],
    ['only the last line is left', 'x\n>>>>>>> template 2\n', [2]],
    ['arrows that are no marker', '<<<<<<<<<< a\ncat <<<<<<<EOF\n>>>>>>>b\n', []],
  ])('%s', (_, text, lines) => {
    expect(conflictLines(Buffer.from(text))).toEqual(lines);
  });
});
