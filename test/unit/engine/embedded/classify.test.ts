import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { classify, serverArguments } from '../../../../src/engine/embedded/classify.js';
import { httpProbe } from '../../../../src/engine/embedded/health.js';
import { startCommand } from '../../../../src/engine/embedded/node-service.js';
import type { ComposeService } from '../../../../src/project/model.js';
import { temporaryFolder } from '../../../support/folder.js';

const service = (fields: Partial<ComposeService>): ComposeService => ({
  name: 'one',
  environment: {},
  ports: [],
  mounts: [],
  secrets: [],
  dependsOn: {},
  networks: [],
  profiles: [],
  ...fields,
});
const node = async (packageFile: object, fields: Partial<ComposeService> = {}) => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'package.json'), JSON.stringify(packageFile));
  const found = classify(service({ build: { context: folder, args: {} }, ...fields }));
  if (found.kind !== 'node') throw new Error('expected a Node service');
  return found;
};

describe('a database service', () => {
  test.each([
    ['postgres:16', 16],
    ['postgres:17.4-alpine', 17],
    ['docker.io/library/postgres:15@sha256:abc', 15],
    ['registry.example.org:5000/mirror/postgres:18', 18],
    ['postgres', undefined],
    ['postgres:latest', undefined],
  ])('%s is PostgreSQL %s', (image, major) => {
    expect(classify(service({ image }))).toMatchObject({ kind: 'postgres', ...(major ? { major } : {}) });
    expect('major' in classify(service({ image }))).toBe(major !== undefined);
  });

  test('keeps the arguments of its command', () => {
    const options = ['-c', 'max_connections=20'];
    for (const command of [['postgres', ...options], options]) {
      const found = classify(service({ image: 'postgres:16', command }));
      expect(found.kind === 'postgres' && serverArguments(found)).toEqual(options);
    }
  });

  test.each([
    ['another command', { command: ['sh', '-c', 'sleep 1'] }],
    ['another entrypoint', { entrypoint: ['/my-entrypoint.sh'] }],
    [
      'scripts that only the image runs',
      {
        mounts: [
          { type: 'bind' as const, source: '/x', target: '/docker-entrypoint-initdb.d', readOnly: true },
        ],
      },
    ],
  ])('is refused with %s', (_, fields) => {
    expect(() => classify(service({ image: 'postgres:16', ...fields }))).toThrow(
      expect.objectContaining({ code: 'EMBEDDED_UNSUPPORTED_SERVICE', exitCode: 4 }),
    );
  });
});

describe('any other service', () => {
  test.each([
    ['an image', { image: 'redis:7' }],
    ['a look-alike', { image: 'acme/postgres-exporter:1' }],
    ['a build without a package.json', { build: { context: '/nowhere', args: {} } }],
  ])('is refused with its name and what to do: %s', (_, fields) => {
    expect(() => classify(service(fields))).toThrow(
      expect.objectContaining({
        code: 'EMBEDDED_UNSUPPORTED_SERVICE',
        message: expect.stringContaining('one'),
        hint: expect.stringContaining('--engine docker'),
      }),
    );
  });
});

describe('the command of a Node service', () => {
  test.each([
    [
      'a start script of node alone needs no npm',
      'node --enable-source-maps dist/main.js',
      [process.execPath, '--enable-source-maps', 'dist/main.js'],
    ],
    [
      'one that needs a shell goes through npm',
      'node a.js && node b.js',
      ['npm', 'run', '--silent', 'start'],
    ],
    ['one of another program goes through npm', 'tsx src/main.ts', ['npm', 'run', '--silent', 'start']],
  ])('%s', async (_, start, expected) => {
    const { program, args } = await startCommand(await node({ scripts: { start } }));
    expect([program, ...args]).toEqual(expected);
  });

  test("is the compose file's where that calls node or npm", async () => {
    const own = await node({ scripts: { start: 'node a.js' } }, { command: ['node', 'worker.js'] });
    expect(await startCommand(own)).toEqual({ program: process.execPath, args: ['worker.js'] });
    const shell = await node({ scripts: { start: 'node a.js' } }, { command: ['sh', '-c', 'x'] });
    expect(await startCommand(shell)).toEqual({ program: process.execPath, args: ['a.js'] });
  });

  test('is missed where nothing tells it', async () => {
    await expect(startCommand(await node({}))).rejects.toMatchObject({ code: 'EMBEDDED_NO_START_COMMAND' });
  });
});

describe('the health endpoint', () => {
  const check = (...test: string[]) => httpProbe(service({ healthcheck: { disabled: false, test } }), 8080);
  test.each([
    ['CMD-SHELL', 'curl -fsS http://localhost:5003/healthz || exit 1', '/healthz'],
    ['CMD', 'wget', '-q', 'http://127.0.0.1:5003/health/live?x=1', '/health/live?x=1'],
    ['CMD', 'node', '-e', 'fetch(`http://127.0.0.1:${process.env.PORT}/ok`)', '/ok'],
    ['CMD', 'curl', 'http://localhost', '/'],
  ])('is the one that the health check asks: %s %s', (...words) => {
    expect(check(...words.slice(0, -1))).toEqual({ port: 8080, path: words.at(-1), declared: true });
  });

  test('is /health where no check names one, and none where nothing listens or the check is off', () => {
    expect(httpProbe(service({}), 8080)).toEqual({ port: 8080, path: '/health', declared: false });
    expect(httpProbe(service({}), undefined)).toBeUndefined();
    expect(httpProbe(service({ healthcheck: { disabled: true } }), 8080)).toBeUndefined();
  });
});
