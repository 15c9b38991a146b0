import { describe, expect, it } from 'vitest';
import { withValue } from '../../../src/project/edit-env-file.js';

describe('withValue', () => {
  it.each([
    ['a plain line', 'A=1\nKEY=old\nB=2\n', 'A=1\nKEY=new\nB=2\n'],
    ['a last line without its end', 'KEY=old', 'KEY=new'],
    ['a comment behind the value', 'KEY=old # why\n', 'KEY=new # why\n'],
    ['a # inside of the value', 'KEY=old#1 # why\n', 'KEY=new # why\n'],
    ['quotes', `KEY="old # one"\nKEY2='x'\n`, `KEY=new\nKEY2='x'\n`],
    ['export, spaces and CRLF', 'export KEY = old\r\nB=2\r\n', 'export KEY = new\r\nB=2\r\n'],
    ['a colon and a BOM', '\uFEFFKEY: old\n', '\uFEFFKEY: new\n'],
    ['an empty value', 'KEY=\nB=2\n', 'KEY=new\nB=2\n'],
    ['the last of several', 'KEY=a\nKEY=b\n', 'KEY=a\nKEY=new\n'],
    ['a name that another one ends with', 'MY_KEY=1\nKEY=old\n', 'MY_KEY=1\nKEY=new\n'],
    ['a value of several lines', 'KEY="old\nvalue" # why\nB=1\n', 'KEY=new # why\nB=1\n'],
    ['an empty value before CRLF', 'KEY=\r\nB=1\r\n', 'KEY=new\r\nB=1\r\n'],
    ['a comment in place of a value', 'KEY=  # why\n', 'KEY=  new # why\n'],
    ['an assignment that stands in a value, too', 'KEY=1\nA="\nKEY=2\n"\n', 'KEY=new\nA="\nKEY=2\n"\n'],
    ['a comment that looks like it', 'KEY=old\n# KEY=older\n', 'KEY=new\n# KEY=older\n'],
  ])('%s', (_case, text, expected) => {
    expect(withValue(text, 'KEY', 'new')).toBe(expected);
  });

  it.each([
    ['no such name', 'A=1\n'],
    ['a mistake elsewhere', 'KEY=1\nA B=2\n'],
    ['an assignment within the value of another name', 'A="\nKEY=1\n"\n'],
    ['a bare name', 'KEY\n'],
  ])('refuses %s', (_case, text) => {
    expect(withValue(text, 'KEY', 'new')).toBeUndefined();
  });
});
