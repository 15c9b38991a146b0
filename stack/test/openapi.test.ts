import { spawnSync } from 'node:child_process';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { build } from '../src/app.js';
import { PROBLEM_CODES } from '../src/problem.js';
import { loadSettings } from '../src/settings/load.js';
import { JWT_KEY } from './api.js';

interface Operation {
  readonly operationId?: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
  }[];
  readonly responses: Record<string, { readonly description: string; readonly headers?: object }>;
}

let text: string;
let operations: [name: string, operation: Operation][];
/** Every schema, at any depth. */
let nodes: Record<string, unknown>[];

beforeAll(async () => {
  const { settings } = loadSettings({
    env: { JWT_SECRET_KEY: JWT_KEY, POSTGRESQL_PWD: 'none', SECRETS_DIR: '/nonexistent/secrets' },
    envFilePath: '/nonexistent/.env',
  });
  const app = await build({ settings, schemaVersion: 0 });
  text = (await app.inject('/openapi.json')).body;
  await app.close();
  const document = JSON.parse(text) as { paths: Record<string, Record<string, Operation>> };
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  );
  nodes = [];
  JSON.parse(text, (_key, value) => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) nodes.push(value);
    return value;
  });
});

const texts = (key: string) => [
  ...new Set(nodes.flatMap((node) => (typeof node[key] === 'string' ? [node[key]] : []))),
];

test('Redocly finds no error in it', async () => {
  const config = await createConfig({ extends: ['recommended'] });
  const flaws = await lintFromString({ source: text, absoluteRef: 'openapi.json', config });
  expect(flaws.filter(({ severity }) => severity === 'error')).toEqual([]);
  // What a machine asks while it watches has nothing to refuse.
  const others = flaws.filter(({ ruleId, location: [place] }) => {
    return ruleId !== 'operation-4xx-response' || !/health|metrics/.test(place?.pointer ?? '');
  });
  expect(others).toEqual([]);
});

describe('operations', () => {
  test('have names of their own, for generated clients', () => {
    const names = operations.map(([, { operationId }]) => operationId);
    for (const name of names) expect(name).toMatch(/^[a-z][A-Za-z]+$/);
    expect(new Set(names).size).toBe(names.length);
  });

  test('say that they are public, or need a token', () => {
    const open = operations.filter(([, { security }]) => security?.length === 0).map(([name]) => name);
    expect(open.sort()).toEqual([
      'GET /health',
      'GET /health/live',
      'GET /metrics',
      'POST /api/v1/auth/login',
      'POST /api/v1/auth/refresh',
    ]);
    for (const [name, { security }] of operations) {
      if (!open.includes(name)) expect(security, name).toEqual([{ bearer: [] }]);
    }
  });

  test('that change one version need its ETag, and those that show one have it', () => {
    for (const [name, { parameters = [], responses }] of operations) {
      const ifMatch = parameters.find((parameter) => parameter.name === 'if-match');
      expect(ifMatch !== undefined, name).toBe('428' in responses);
      if (ifMatch) expect(ifMatch.required, name).toBe(true);
      if (ifMatch && responses[200]) expect(responses[200].headers, name).toHaveProperty('etag');
    }
  });

  test('list the codes of their problems', () => {
    for (const [name, { responses }] of operations) {
      for (const [status, { description }] of Object.entries(responses)) {
        if (Number(status) < 400 || name === 'GET /health') continue;
        const codes = [...description.matchAll(/`(\w+)`/g)].map(([, code]) => code);
        expect(codes, `${name} ${status}`).toEqual([...PROBLEM_CODES[Number(status) as 409]]);
      }
    }
  });
});

describe('schemas', () => {
  test('have patterns that Go (RE2) and Python read as JavaScript does', () => {
    const patterns = texts('pattern');
    expect(patterns.length).toBeGreaterThan(5);
    for (const pattern of patterns) {
      // Lookarounds, named groups, Unicode properties, \u escapes and back references.
      expect(pattern).not.toMatch(/\(\?(?!:)|\\[pPuk1-9]/);
      // RE2 repeats no more than a thousand times.
      for (const [, most] of pattern.matchAll(/\{(?:\d+,)?(\d+)\}/g)) expect(Number(most)).toBeLessThan(1001);
    }
    const python = spawnSync(
      'python3',
      ['-c', 'import json, re, sys; [re.compile(p) for p in json.load(sys.stdin)]'],
      {
        input: JSON.stringify(patterns),
        encoding: 'utf8',
      },
    );
    if (python.error) console.log('no python3 here: the patterns are not compiled by it');
    else expect(python.stderr).toBe('');
  });

  test('have no format but those of JSON Schema', () => {
    expect(texts('format').sort()).toEqual(['date', 'date-time', 'email']);
  });
});
