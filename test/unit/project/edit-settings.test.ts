import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { withEnvironment } from '../../../src/project/edit-settings.js';

const declared = { files: ['compose.yaml'], protected: true };

describe('an environment that is added to invctl.yaml', () => {
  it('is all of it where there was none', () => {
    expect(withEnvironment('', 'p', declared)).toBe(
      'environments:\n  p:\n    files:\n      - compose.yaml\n    protected: true\n',
    );
  });

  it.each([
    '# mine\nbackup: {keep:   {daily: 3}} # why\n',
    'engine: docker\r\n',
    'engine: docker',
    '# only a remark\n',
  ])('comes behind %j, which stays as it is', (text) => {
    const after = withEnvironment(text, 'p', declared);
    expect(after.startsWith(text)).toBe(true);
    expect(parse(after)).toEqual({ ...parse(text), environments: { p: declared } });
  });

  it.each([
    'environments:\n  staging: {} # small\n# end\n',
    'environments: {staging: {}}\n',
    '{environments: {staging: {}}, engine: docker}\n',
    'environments:\nengine: docker\n',
  ])('joins the others in %j', (text) => {
    const after = withEnvironment(text, 'p', declared);
    expect(parse(after)).toEqual({
      ...parse(text),
      environments: { ...parse(text).environments, p: declared },
    });
    for (const remark of text.match(/#.*/g) ?? []) expect(after).toContain(remark);
  });

  it('stays as it is where it is there', () => {
    const text = 'environments: {p:   {}}\n';
    expect(withEnvironment(text, 'p', declared)).toBe(text);
  });
});
