import { describe, expect, it } from 'vitest';
import type { ComposeProject } from '../../../src/project/model.js';
import { nearest } from '../../../src/project/nearest.js';
import { assertServices } from '../../../src/services/choose-services.js';

describe('the nearest name', () => {
  it.each([
    ['wbe', 'web'],
    ['apii', 'api'],
    ['DB', 'db'],
    ['postgres', 'postgresql'],
    ['wroker', 'worker'],
    ['ewb', 'web'],
    ['eb', 'web'],
  ])('of %s is %s', (typed, expected) => {
    expect(nearest(typed, ['web', 'api', 'db', 'worker', 'postgresql'])).toBe(expected);
  });

  it('is none where nothing is near', () => {
    expect(nearest('frontend', ['web', 'db'])).toBeUndefined();
    expect(nearest('x', [])).toBeUndefined();
    expect(nearest('bogus', ['logs', 'down'])).toBeUndefined();
  });
});

describe('assertServices', () => {
  const project = { name: 'shop', services: { web: {}, db: {} } } as unknown as ComposeProject;

  it('accepts what is there', () => {
    expect(() => assertServices(project, ['web', 'db'])).not.toThrow();
  });

  it('names the near one and all of them', () => {
    expect(() => assertServices(project, ['wbe'])).toThrowError(
      expect.objectContaining({
        code: 'UNKNOWN_SERVICE',
        exitCode: 2,
        hint: 'did you mean web?  (services: web, db)',
      }),
    );
  });
});
