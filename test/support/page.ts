import { expect } from 'vitest';

/** Expects the inventory's page for browsers at the API's URL, whole: its document, its script, its style. */
export async function expectPage(url: string): Promise<void> {
  const signal = AbortSignal.timeout(30_000);
  const page = await fetch(url, { signal });
  expect(page.status).toBe(200);
  expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
  const html = await page.text();
  const parts = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, part]) => part ?? '');
  expect(parts.map((part) => part.replace(/^.*\./, '')).sort()).toEqual(
    expect.arrayContaining(['css', 'js']),
  );
  for (const part of parts) {
    const file = await fetch(new URL(part, url), { signal });
    expect(file.status, part).toBe(200);
    expect(file.headers.get('cache-control'), part).toContain('immutable');
  }
}
