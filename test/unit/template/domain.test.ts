import { describe, expect, it } from 'vitest';
import type { UserError } from '../../../src/errors.js';
import { domainVariables, parseDomain } from '../../../src/template/domain.js';

describe('a domain', () => {
  it.each([
    ['shop.example.com', 'shop.example.com'],
    ['Shop.Example.COM', 'shop.example.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['shop.localhost', 'shop.localhost'],
  ])('%s is %s', (typed, name) => {
    expect(parseDomain(typed)).toBe(name);
  });

  it.each([
    ['https://shop.example.com', '--domain shop.example.com'],
    ['shop.example.com:8443', '--domain shop.example.com'],
    ['HTTPS://Shop.example.com:443/path?q#f', '--domain shop.example.com'],
    ['shop.example.com.', '--domain shop.example.com'],
    [' shop.example.com ', '--domain shop.example.com'],
    ['*.example.com', '--domain shop.example.com'],
    ['localhost', '--domain shop.example.com'],
    ['192.0.2.1', '--domain shop.example.com'],
    ['[2001:db8::1]', '--domain shop.example.com'],
    ['-shop.example.com', '--domain shop.example.com'],
    ['shop.example.com\nevil', '--domain shop.example.com'],
    ['shop.example.com { respond 1 }', '--domain shop.example.com'],
    [`${'a'.repeat(64)}.example`, '--domain shop.example.com'],
    ['', '--domain shop.example.com'],
  ])('%j is refused, with what to type', (typed, hint) => {
    let error: unknown;
    try {
      parseDomain(typed);
    } catch (caught) {
      error = caught;
    }
    expect((error as UserError).hint).toContain(hint);
  });

  it('has a network of its own by the project, the same each time', () => {
    const shop = domainVariables('shop', 'shop.example.com');
    expect(domainVariables('shop', 'other.example')).toMatchObject({ edgeSubnet: shop.edgeSubnet });
    expect(domainVariables('other', 'shop.example.com').edgeSubnet).not.toBe(shop.edgeSubnet);
    const [, network, first] = /^(10\.2\d\d\.\d+)\.(\d+)\/28$/.exec(shop.edgeSubnet as string) ?? [];
    expect(Number(first) % 16).toBe(0);
    expect(shop.edgeProxy).toBe(`${network}.${Number(first) + 10}`);
  });

  it('is signed by the own authority of Caddy where nobody else would, and kept to HTTPS for long where one does', () => {
    expect(domainVariables('shop', 'shop.localhost')).toMatchObject({ hstsSeconds: '300' });
    expect(domainVariables('shop', 'shop.localhost').tls).toContain('tls internal');
    expect(domainVariables('shop', 'shop.example.com')).toMatchObject({ tls: '', hstsSeconds: '31536000' });
  });
});
