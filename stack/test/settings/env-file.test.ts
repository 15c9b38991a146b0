import { describe, expect, test } from 'vitest';
import { EnvFileError, parseEnvFile } from '../../src/settings/env-file.js';

describe('parseEnvFile', () => {
  test.each([
    ['A=1', '1'],
    ['export A=1', '1'],
    ['A: 1', '1'],
    ['  A = 1  ', '1'],
    ['\uFEFFA=1', '1'],
    ['A=1\r\nB=2\r\n', '1'],
    ['A=1234#5', '1234#5'],
    ['A=1234 #5', '1234'],
    ['A=', ''],
    ['A= # nothing', ''],
    ['# A=0\n\nA=1', '1'],
    ['A=0\nA=1', '1'],
    ['A=\'$B # "x"\' # comment', '$B # "x"'],
    ["A='two\nlines'", 'two\nlines'],
    ['A="two\nlines"', 'two\nlines'],
    ['A="\\n\\t\\"\\\\\\$B"', '\n\t"\\$B'],
    ['A=a$$b', 'a$b'],
    ['A=cost$5', 'cost$5'],
    ['A=a=b:c', 'a=b:c'],
  ])('%j', (content, expected) => {
    expect(parseEnvFile(content).get('A')).toBe(expected);
  });

  test.each([
    ['A', 1],
    ['A=1\nB C=2', 2],
    ['A=1\n\nB="open', 3],
    ["A='open\n\n", 1],
    ['A="1" 2', 1],
    ['A=$B', 1],
    ['A=1\nB="x\u0024{C}"', 2],
    ["A='1\n2'\nB=\u0024{C:-d}", 3],
  ])('refuses %j in line %i', (content, line) => {
    expect(() => parseEnvFile(content)).toThrow(EnvFileError);
    expect(() => parseEnvFile(content)).toThrow(`line ${line} `);
  });
});
