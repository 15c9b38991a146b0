import { describe, expect, it } from 'vitest';
import { namingPlace } from '../../../../src/output/output.js';
import { restartHint } from '../../../../src/services/database/restore-operation.js';

const cluster = { context: 'staging', namespace: 'shop' };

describe('what to type after a restore whose services do not come back', () => {
  it.each([
    ['on this machine', {}, 'invctl logs, or go back: invctl db restore --undo'],
    [
      'in a cluster',
      { cluster },
      'kubectl --context staging --namespace shop get pods, or go back: invctl db restore --deployed --undo',
    ],
    [
      'in a Swarm',
      { swarm: true },
      'docker stack ps --no-trunc shop, or go back: invctl db restore --deployed --undo',
    ],
  ])('%s', (_where, place, hint) => {
    expect(restartHint({ previous: 'shop_before', ...place }, 'shop')).toBe(hint);
    expect(restartHint({ previous: null, ...place }, 'shop')).toBe(hint.split(', or go back')[0]);
  });
});

describe('commands that a message names while --deployed is given', () => {
  const typed = (text: string) => namingPlace(text, { flags: '', deployed: true, commands: ['db', 'ps'] });

  it.each([
    ['back:  invctl db restore --undo', 'back:  invctl db restore --deployed --undo'],
    ['invctl db restore --deployed --undo', 'invctl db restore --deployed --undo'],
    ['invctl db list      (the backups)', 'invctl db list --deployed      (the backups)'],
    ['invctl db verify FILE --level 1, invctl ps', 'invctl db verify --deployed FILE --level 1, invctl ps'],
    ['invctl db backup --base', 'invctl db backup --base'],
    ['invctl db migrate', 'invctl db migrate'],
  ])('%s', (text, expected) => {
    expect(typed(text)).toBe(expected);
  });
});
