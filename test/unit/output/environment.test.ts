import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.js';
import { createOutput, namingPlace } from '../../../src/output/output.js';

const production = { name: 'production', flags: '--environment production', commands: ['up', 'db', 'down'] };

describe('a command to type next', () => {
  it.each([
    ['invctl up', 'invctl --environment production up'],
    [
      'go:  invctl db upgrade, or `invctl down`',
      'go:  invctl --environment production db upgrade, or `invctl --environment production down`',
    ],
    ['docker compose up -d --wait', 'invctl --environment production compose -- up -d --wait'],
    ['cd shop && invctl up', 'cd shop && invctl --environment production up'],
  ])('names the environment: %s', (text, expected) => {
    expect(namingPlace(text, production)).toBe(expected);
  });

  it.each([
    'what invctl wrote',
    'invctl upgrades',
    'docs/invctl up',
    'invctl.yaml',
    'invctl init',
    'docker compose',
    'invctl --environment x up',
  ])('is not to be seen in: %s', (text) => {
    expect(namingPlace(text, production)).toBe(text);
  });

  it.each([
    ['invctl up', 'invctl --host ssh://me@shop up'],
    ['docker system df', 'docker --host ssh://me@shop system df'],
    ['docker service ps shop_api', 'docker --host ssh://me@shop service ps shop_api'],
    [
      'docker tag a b && docker push b',
      'docker --host ssh://me@shop tag a b && docker --host ssh://me@shop push b',
    ],
    [
      'docker exec $(docker ps -q) ls',
      'docker --host ssh://me@shop exec $(docker --host ssh://me@shop ps -q) ls',
    ],
    ['docker --host ssh://a@b service logs x', 'docker --host ssh://a@b service logs x'],
    ['docker compose config', 'invctl --host ssh://me@shop compose -- config'],
    ['ssh me@shop docker version', 'ssh me@shop docker version'],
    ['the docker context ls', 'the docker context ls'],
  ])('names another machine: %s', (text, expected) => {
    const there = { host: 'ssh://me@shop', flags: '--host ssh://me@shop', commands: ['up'] };
    expect(namingPlace(text, there)).toBe(expected);
    expect(namingPlace('invctl up', { ...there, flags: '' })).toBe('invctl up');
  });

  it('is as it was where there is none', () => {
    expect(namingPlace('invctl up', undefined)).toBe('invctl up');
  });
});

it('documents name the environment, and so do their hints and warnings', () => {
  const written: string[] = [];
  const stream = { write: (text: string) => written.push(text) } as unknown as NodeJS.WriteStream;
  const output = createOutput({
    stdout: stream,
    stderr: { write: () => true } as unknown as NodeJS.WriteStream,
    env: {},
    json: true,
    quiet: false,
    noColor: true,
    worksIn: production,
  });
  output.warn('too old; take one with: invctl db backup');
  output.fail('up', new UserError({ code: 'X', message: 'no', hint: 'invctl up' }));
  output.succeed('up', {});
  expect(written.map((line) => JSON.parse(line))).toEqual([
    {
      schemaVersion: 1,
      command: 'up',
      ok: false,
      environment: 'production',
      error: { code: 'X', message: 'no', hint: 'invctl --environment production up' },
      warnings: ['too old; take one with: invctl --environment production db backup'],
    },
    expect.objectContaining({ ok: true, environment: 'production' }),
  ]);
});
