import { execFileSync, spawn } from 'node:child_process';
import { expect, it } from 'vitest';

it('a unit test starts no program', () => {
  expect(() => spawn('true')).toThrow('move it to test/integration');
  expect(() => execFileSync('true')).toThrow('move it to test/integration');
});
