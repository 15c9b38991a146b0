import { describe, expect, it } from 'vitest';
import { assertImageNames, isImageName } from '../../../src/project/image-name.js';

const project = { name: 'shop' };

function refused(service: { name: string; image?: string }) {
  try {
    assertImageNames(project, [service]);
    return undefined;
  } catch (error) {
    return error as { code: string; message: string; hint: string; exitCode: number };
  }
}

describe('the name of an image', () => {
  it.each([
    'postgres',
    'postgres:17-alpine',
    'ghcr.io/acme/shop:V1.2_x',
    'localhost:5000/shop',
    'localhost/shop',
    // An upper-case letter makes it a registry.
    'ACME/shop',
    'a__b/c-----d/e.f',
    '127.0.0.1:5000/a/b@sha256:00a9411621861270da9fd5349981b4bb580d728199cb91cf460e52286966cf64',
    `postgres:17@sha256:${'0'.repeat(64)}`,
    '123',
  ])('%s is one', (name) => expect(isImageName(name)).toBe(true));

  it.each([
    'shop-Web',
    'Shop',
    'shop-_web',
    'shop-a..b',
    'shop-a___b',
    'shop-a-',
    'shop/',
    '',
    'ghcr.io/Acme/x',
    'a b',
  ])('%j is none', (name) => expect(isImageName(name)).toBe(false));

  it('is told with what to type, for a service that is built and has none', () => {
    const error = refused({ name: 'Web' });
    expect(error).toMatchObject({ code: 'IMAGE_NAME_REFUSED', exitCode: 4 });
    expect(error?.message).toContain('the image of the service "Web" is called shop-Web, after the service');
    expect(error?.message).toContain('lower-case letters and digits alone');
    expect(error?.hint).toMatch(/under the service "Web" .*: image: shop-web$/);
    expect(refused({ name: 'web' })).toBeUndefined();
    expect(refused({ name: 'Web', image: 'ghcr.io/acme/web' })).toBeUndefined();
  });

  it.each([
    [{ name: 'API_Server' }, 'shop-api_server'],
    [{ name: '_web' }, 'shop-web'],
    [{ name: 'a..b-' }, 'shop-a-b'],
    [{ name: 'x', image: 'ghcr.io/Acme/My__App___x:V2' }, 'ghcr.io/acme/my__app-x:V2'],
  ])('%j could be %s', (service, possible) => {
    expect(refused(service)?.hint.endsWith(`image: ${possible}`)).toBe(true);
    expect(isImageName(possible)).toBe(true);
  });
});
