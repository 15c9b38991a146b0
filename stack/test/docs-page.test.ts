import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApi, type TestApi } from './api.js';

const program = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((folder) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(folder, name)))
  .find((path) => existsSync(path));
if (program === undefined)
  console.log('no Chromium here (Debian: chromium): /docs is not tried in a browser');

/** A browser that has just started on a busy machine. */
const PATIENCE_MS = 60_000;

let api: TestApi;
let browser: Browser;
let page: Page;
let url: string;
/** What the browser complained of, and requests to anywhere else. */
let complaints: string[];

beforeAll(async () => {
  if (program === undefined) return;
  api = await startApi();
  url = await api.app.listen({ host: '127.0.0.1', port: 0 });
  browser = await chromium.launch({
    executablePath: program,
    // Chromium's own sandbox does not start for root, nor in most containers.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
  page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  complaints = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(`${url}/`) && !request.url().startsWith('data:')) {
      complaints.push(`asks for ${request.url()}`);
    }
  });
  await page.exposeFunction('violated', (directive: string) => complaints.push(`violates ${directive}`));
  await page.addInitScript(
    `addEventListener('securitypolicyviolation', (event) => violated(event.effectiveDirective + ' ' + event.blockedURI))`,
  );
});
afterAll(async () => {
  if (program === undefined) return;
  await browser.close();
  await api.close();
});

const operation = (id: string) => page.locator(`#operations-${id}`);

/** Sends the example of an operation as the page has it. @returns the status that the page shows. */
async function tryOut(id: string): Promise<string> {
  await operation(id).locator('.opblock-summary-control').click();
  await operation(id).getByRole('button', { name: 'Execute' }).click();
  return operation(id).locator('.live-responses-table tbody .response-col_status').innerText();
}

test.skipIf(program === undefined)(
  'examples are sent from the page in a browser, under its policy',
  async () => {
    await page.goto(`${url}/docs`);
    expect(await page.title()).toBe('Inventory API');
    // Drawn after it has loaded.
    await page.locator('.opblock').nth(40).waitFor();

    await page.getByRole('button', { name: 'Authorize', exact: true }).click();
    await page.locator('.auth-container input').fill(api.tokens.manager ?? '');
    await page.locator('.auth-container').getByRole('button', { name: 'Apply credentials' }).click();
    await page.getByRole('button', { name: 'Close' }).click();

    expect(await tryOut('items-createItem')).toBe('201');
    expect(await tryOut('stock-receiveStock')).toBe('201');
    expect(await tryOut('items-listItems')).toBe('200');
    const shown = await operation('items-listItems').locator('.live-responses-table').innerText();
    expect(shown).toContain('Blue teapot');
    expect(complaints).toEqual([]);
  },
);

test.skipIf(program === undefined)('what the policy refuses would be noticed', async () => {
  await page.evaluate(
    `document.body.insertAdjacentHTML('beforeend', '<img src="https://example.invalid/x.png">')`,
  );
  await expect
    .poll(() => complaints.join('\n'), { timeout: 20_000 })
    .toContain('violates img-src https://example.invalid/x.png');
});
