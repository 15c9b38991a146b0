import { describe, expect, it } from 'vitest';
import type { ComposeProject } from '../../../src/project/model.js';
import { replacedVolumes, toldOfReplaced } from '../../../src/project/replaced-volumes.js';

const ANONYMOUS = 'a'.repeat(64);
const PATH = '/var/lib/postgresql/data';

function replaced(mount: object | undefined, before: { type?: string; name?: string; path?: string } = {}) {
  const project = {
    services: { db: { name: 'db', mounts: mount ? [{ target: PATH, readOnly: false, ...mount }] : [] } },
    volumes: { data: { name: 'shop_data' }, renamed: { name: 'shop_renamed' }, kept: { name: 'shop_data' } },
  } as unknown as ComposeProject;
  return replacedVolumes(
    project,
    new Map([['db', [{ type: 'volume', name: 'shop_data', path: PATH, ...before }]]]),
  );
}

describe('a volume that a service does not get again', () => {
  it.each([
    ['another name', { type: 'volume', source: 'renamed' }, 'shop_renamed'],
    ['a folder', { type: 'bind', source: '/srv/data' }, '/srv/data'],
    ['one without a name', { type: 'volume' }, undefined],
    ['memory', { type: 'tmpfs' }, undefined],
    ['nothing', undefined, undefined],
  ])('is told for %s', (_, mount, now) => {
    expect(replaced(mount)).toMatchObject([
      { service: 'db', path: PATH, before: 'shop_data', ...(now && { now }) },
    ]);
  });

  it('is not told where the data stays, or nobody named it', () => {
    expect(replaced({ type: 'volume', source: 'data' })).toEqual([]);
    // Another key, the same volume; the same path, otherwise written.
    expect(replaced({ type: 'volume', source: 'kept', target: `${PATH}/` })).toEqual([]);
    expect(replaced(undefined, { name: ANONYMOUS })).toEqual([]);
    expect(replaced({ type: 'volume' }, { name: ANONYMOUS })).toEqual([]);
    expect(replaced({ type: 'bind', source: '/srv' }, { type: 'bind' })).toEqual([]);
    expect(replacedVolumes({ services: {}, volumes: {} }, new Map([['gone', []]]))).toEqual([]);
  });

  it('is told with what keeps the data', () => {
    const [renamed] = replaced({ type: 'volume', source: 'renamed' });
    expect(renamed && toldOfReplaced(renamed, 'invctl up')).toBe(
      `"db" gets shop_renamed in place of the volume shop_data at ${PATH}. The data of before stays in shop_data, and the service does not see it. To keep it: write in the compose file: volumes: {renamed: {name: shop_data}}, then: invctl up`,
    );
    const [named] = replaced({ type: 'volume', source: 'data' }, { name: ANONYMOUS });
    expect(named).toMatchObject({ before: ANONYMOUS, now: 'shop_data' });
    const [gone] = replaced(undefined);
    expect(gone && toldOfReplaced(gone, 'invctl up')).toContain('put the volume shop_data back there');
  });
});
