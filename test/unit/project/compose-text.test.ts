import { describe, expect, it } from 'vitest';
import { addItem, removeKey, replaceItem, replaceScalar, setKey } from '../../../src/project/compose-text.js';

const FILE = `# the stack
services:
  api:   # ours
    image: "a:1"   # pinned
    environment:
      A: 1

      # about B
      B: "2"
    secrets: [one]   # more to come

  db:
    ports:
      - "1:2"  # here
      - 3:4

x: { y: 1 }
`;

describe('an edit of a compose file', () => {
  it('replaces a scalar and nothing else', () => {
    expect(replaceScalar(FILE, ['services', 'api', 'image'], 'b:2')).toBe(FILE.replace('"a:1"', 'b:2'));
  });

  it('adds a key behind the last one of a map, with its indentation', () => {
    expect(setKey(FILE, ['services', 'api', 'environment'], 'C', 'three')).toBe(
      FILE.replace('      B: "2"\n', '      B: "2"\n      C: three\n'),
    );
  });

  it('changes a key that is there', () => {
    expect(setKey(FILE, ['services', 'api', 'environment'], 'A', '9')).toBe(FILE.replace('A: 1', 'A: 9'));
  });

  it('adds to flow collections, and makes what is missing', () => {
    expect(addItem(FILE, ['services', 'api', 'secrets'], 'two')).toBe(FILE.replace('[one]', '[one, two]'));
    expect(setKey(FILE, ['x'], 'z', '2')).toBe(FILE.replace('{ y: 1 }', '{ y: 1, z: 2 }'));
    expect(addItem(FILE, ['services', 'db', 'secrets'], 'two')).toBe(
      FILE.replace('      - 3:4\n', '      - 3:4\n    secrets: [two]\n'),
    );
    expect(setKey(FILE, ['services', 'db', 'environment'], 'A', '1')).toBe(
      FILE.replace('      - 3:4\n', '      - 3:4\n    environment: { A: 1 }\n'),
    );
  });

  it('adds to block sequences', () => {
    expect(addItem(FILE, ['services', 'db', 'ports'], '"5:6"')).toBe(
      FILE.replace('- 3:4\n', '- 3:4\n      - "5:6"\n'),
    );
  });

  it('replaces the item that is meant', () => {
    expect(replaceItem(FILE, ['services', 'db', 'ports'], (item) => item === '3:4', '"5:6"')).toBe(
      FILE.replace('3:4', '"5:6"'),
    );
    expect(replaceItem(FILE, ['services', 'db', 'ports'], () => false, 'x')).toBeUndefined();
  });

  it('removes a key with its value', () => {
    expect(removeKey(FILE, ['services', 'api', 'environment', 'A'])).toBe(FILE.replace('      A: 1\n', ''));
    expect(removeKey('version: "3"\n\nservices: {}\n', ['version'])).toBe('services: {}\n');
  });

  it('leaves alone what it cannot edit safely', () => {
    const aliased = 'base: &base { A: 1 }\nservices:\n  api:\n    environment: *base\n';
    expect(setKey(aliased, ['services', 'api', 'environment'], 'B', '2')).toBeUndefined();
    expect(replaceScalar('a: &x 1\nb: *x\n', ['a'], '2')).toBeUndefined();
    expect(setKey('services: []\n', ['services'], 'a', '1')).toBeUndefined();
    expect(replaceScalar(FILE, ['services', 'api', 'image'], '"never closed')).toBeUndefined();
  });
});
