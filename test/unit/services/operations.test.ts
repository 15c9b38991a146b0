import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OPERATIONS } from '../../../src/services/operations.js';

/** Tests that start the CLI. */
const folders = ['e2e', 'integration'].map((name) => resolve(import.meta.dirname, '../..', name));
const tests = folders
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => readFileSync(join(folder, file), 'utf8')),
  )
  .join('\n');

/** The steps of an operation at which a test kills the CLI. */
function killedSteps(name: string, steps: readonly string[]): Set<string> {
  const killed = new Set<string>();
  for (const [, of, which, one] of tests.matchAll(
    /\bkillsOf\('([^']+)'(?:, \{ (only|without): '([^']+)' \})?\)/g,
  )) {
    if (of !== name) continue;
    for (const step of steps) {
      if (which === undefined || (which === 'only') === (step === one)) killed.add(step);
    }
  }
  return killed;
}

const services = resolve(import.meta.dirname, '../../../src/services');

/** The names under which operations are declared in `src/services/`. */
function declaredOperations(): string[] {
  return readdirSync(services, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(services, file), 'utf8'))
    .flatMap((text) =>
      [...text.matchAll(/^export const (\w+) = operation\(/gm)].map(([, name]) => name as string),
    );
}

describe('operations', () => {
  it('are all in the list that `recover` reads', () => {
    const list = readFileSync(join(services, 'operations.ts'), 'utf8');
    expect(declaredOperations().filter((name) => !list.includes(`  ${name},`))).toEqual([]);
  });

  it('have names of their own', () => {
    expect(new Set(OPERATIONS.map(({ name }) => name)).size).toBe(OPERATIONS.length);
  });

  it.each(OPERATIONS.map(({ name, steps }) => [name, steps] as const))(
    '%s is killed at each of its steps by a test (killsOf)',
    (name, steps) => {
      expect([...killedSteps(name, steps)].sort()).toEqual([...steps].sort());
    },
  );
});
