import { describe, expect, it } from 'vitest';
import { fillBlocks, findBlocks } from '../../../src/architecture/blocks.js';
import { UserError } from '../../../src/errors.js';

const NAMES = ['one', 'two', 'three'];
const filled = (text: string) =>
  fillBlocks(findBlocks(text, 'A.md', NAMES), NAMES, (name, present) => `${name} of ${present.length}`);
const refusal = (text: string) => {
  try {
    filled(text);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    const { code, file, line, message, hint } = error as UserError;
    expect([code, file]).toEqual(['DOCS_MARKER', 'A.md']);
    return { line, message, hint };
  }
  throw new Error('nothing was refused');
};
const block = (name: string, body = 'old') => `<!-- invctl:begin ${name} -->\n${body}\n<!-- invctl:end -->\n`;
const fresh = (name: string, of: number) =>
  `<!-- invctl:begin ${name} -->\n\n${name} of ${of}\n\n<!-- invctl:end -->\n`;

describe('blocks of a document', () => {
  it('are all put at the end of a document that has none', () => {
    expect(filled('# Mine\n')).toBe(`# Mine\n\n${fresh('one', 3)}\n${fresh('two', 3)}\n${fresh('three', 3)}`);
    expect(filled('# No newline')).toMatch(/^# No newline\n\n<!-- invctl:begin one -->/);
    expect(filled('')).toMatch(/^<!-- invctl:begin one -->/);
  });

  it('are written where they are; those that were removed stay away; the rest is untouched', () => {
    const text = `top  \n\n${block('three')}between\n${block('one', '```\nunclosed\nmy edit in a block')}\n\tbottom`;
    expect(filled(text)).toBe(`top  \n\n${fresh('three', 2)}between\n${fresh('one', 2)}\n\tbottom`);
    expect(filled(filled(text))).toBe(filled(text));
  });

  it('keep carriage returns, a byte order mark and a missing last newline', () => {
    const text = `\uFEFF${block('one')}end`.replaceAll('\n', '\r\n');
    expect(filled(text)).toBe(`\uFEFF${fresh('one', 1)}end`.replaceAll('\n', '\r\n'));
    expect(filled(`a\n${block('two').trimEnd()}`)).toBe(`a\n${fresh('two', 1).trimEnd()}`);
  });

  it('keep lines of the person that end in another way', () => {
    expect(filled(`a\r\nb\n${block('one')}c\r\n`)).toBe(`a\r\nb\n${fresh('one', 1)}c\r\n`);
  });

  it.each([
    ['a fence', '```md\nTEXT```\n'],
    ['a longer fence', '````\n```\nTEXT```\n````\n'],
    ['tildes', '~~~\n```\nTEXT~~~\n'],
    ['a fence that never ends', 'x\n```\nTEXT'],
    ['an indented block of code', '    TEXT'],
  ])('are no blocks within %s', (_title, frame) => {
    const example = frame.replace(
      'TEXT',
      block('two').replaceAll('\n', frame.startsWith(' ') ? '\n    ' : '\n'),
    );
    expect(filled(`${block('one')}${example}`)).toBe(`${fresh('one', 1)}${example}`);
  });

  it('tell where a marker is that does not fit, and what to type', () => {
    expect(refusal(`x\n${block('one').replace(/<!-- invctl:end.*\n/, '')}`)).toEqual({
      line: 2,
      message: 'the block "one" has no end',
      hint: 'put the line <!-- invctl:end --> where it ends, or remove <!-- invctl:begin one -->',
    });
    expect(refusal('<!-- invctl:begin one -->\n<!-- invctl:begin two -->\n')).toMatchObject({
      line: 2,
      message: expect.stringContaining('began in line 1'),
    });
    expect(refusal('x\n\n<!-- invctl:end -->\n')).toMatchObject({ line: 3 });
    expect(refusal(`${block('one')}${block('one')}`)).toMatchObject({
      line: 4,
      message: expect.stringContaining('line 1'),
    });
    expect(refusal(block('fourth'))).toMatchObject({
      line: 1,
      hint: expect.stringContaining('one, two, three'),
    });
    expect(refusal('<!-- invctl:begin -->\n')).toMatchObject({ message: 'a block begins without a name' });
    expect(refusal('<!-- invctl:bgin one -->\n')).toMatchObject({ message: '"invctl:bgin" is not a marker' });
  });
});
