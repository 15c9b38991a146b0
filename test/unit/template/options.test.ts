import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.js';
import {
  parseOption,
  projectNameFrom,
  scaffoldOptions,
  templateVariables,
} from '../../../src/template/options.js';

type Key = Parameters<typeof parseOption>[0];

function refusal(key: Key, text: string): UserError {
  try {
    parseOption(key, text);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error(`${key} "${text}" was accepted`);
}

describe('parseOption', () => {
  it.each<[Key, string, string | number]>([
    ['name', 'shop', 'shop'],
    ['name', '0', '0'],
    ['name', 'a_b-c__d--e', 'a_b-c__d--e'],
    ['name', 'null', 'null'],
    ['port', '1', 1],
    ['port', '65535', 65_535],
    ['postgres', '15', 15],
    ['postgres', '18', 18],
    ['node', '20', 20],
    ['dbName', '_stock2', '_stock2'],
    ['dbName', 'a'.repeat(63), 'a'.repeat(63)],
    ['dbUser', 'app', 'app'],
  ])('takes %s %s', (key, text, value) => {
    expect(parseOption(key, text)).toBe(value);
  });

  it.each<[Key, string]>([
    ['name', ''],
    ['name', '-shop'],
    ['name', '_shop'],
    ['name', 'Shop'],
    ['name', 'my shop'],
    ['name', 'größe'],
    ['name', 'a/b'],
    ['name', 'shop\n'],
    // Compose takes these, and then fails on the image name that it makes of them.
    ['name', 'shop_'],
    ['name', 'a_-b'],
    ['name', 'a___b'],
    ['name', 'a'.repeat(64)],
    ['port', '0'],
    ['port', '65536'],
    ['port', '5003x'],
    ['port', '0x50'],
    ['port', '1e3'],
    ['port', '-1'],
    ['port', ' 80'],
    ['port', ''],
    ['postgres', '14'],
    ['postgres', '19'],
    ['postgres', '16.1'],
    ['node', '18'],
    ['node', '21'],
    ['dbName', '1st'],
    ['dbName', 'a-b'],
    ['dbName', 'A'],
    ['dbName', 'x"; drop table items; --'],
    ['dbName', 'a'.repeat(64)],
    ['dbName', 'template1'],
    ['dbUser', 'pg_monitor'],
    ['dbUser', 'public'],
    ['dbUser', ''],
  ])('refuses %s "%s" as a usage error', (key, text) => {
    const error = refusal(key, text);
    expect(error).toMatchObject({ code: 'USAGE', exitCode: 2 });
    expect(error.hint).toBeTruthy();
  });

  it('suggests the nearest name that would do', () => {
    expect(refusal('name', 'My Shop!').hint).toBe('--name myshop');
    expect(refusal('name', 'a___b_').hint).toBe('--name a-b');
    expect(refusal('name', '日本').hint).toBe('invctl init --help');
  });
});

describe('projectNameFrom', () => {
  it('gives a name that is accepted, or nothing, for any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string({ unit: fc.constantFrom('a', '0', '_', '-', 'Z', ' '), maxLength: 80 }),
        ),
        (text) => {
          const name = projectNameFrom(text);
          return name === '' ? !/[a-z0-9]/i.test(text) : parseOption('name', name) === name;
        },
      ),
      { numRuns: 500 },
    );
  });

  it('keeps a name that is accepted', () => {
    expect(projectNameFrom('a_b-c__d--e')).toBe('a_b-c__d--e');
  });
});

describe('templateVariables', () => {
  const base = { name: 'shop', port: 5003, node: 24, dbName: 'a', dbUser: 'b' } as const;

  it.each([
    [15, '/var/lib/postgresql/data'],
    [17, '/var/lib/postgresql/data'],
    [18, '/var/lib/postgresql'],
  ] as const)('mounts the volume where PostgreSQL %i keeps its data', (postgres, dataPath) => {
    expect(templateVariables(scaffoldOptions.parse({ ...base, postgres }))).toMatchObject({ dataPath });
  });
});
