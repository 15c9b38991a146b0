import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PASSWORD, startApi, type TestApi } from '../api.js';
import { logIn, openPage, PATIENCE_MS, program, startBrowser } from './browser.js';

const BUILT = fileURLToPath(new URL('../../dist/web', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const ITEMS = 2500;
const BARCODE = '5012345678900';
const HOSTILE = `"'><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}`;
const VIEWS = [
  '/items',
  '/items/3',
  '/items/new',
  '/stock/receive',
  '/stock/transfer',
  '/import',
  '/import-counts',
  '/import/1',
  '/imports',
  '/categories',
  '/suppliers',
  '/locations',
  '/reports/low-stock',
  '/reports/valuation',
  '/reports/movements',
  '/users',
  '/api-keys',
  '/webhooks',
  '/audit',
];

if (program === undefined)
  console.log('no Chromium here (Debian: chromium): the page is not tried in a browser');

let api: TestApi;
let url: string;
let browser: Browser;

beforeAll(async () => {
  if (program === undefined) return;
  api = await startApi({ RATE_LIMIT_PER_MINUTE: '1000000', LOGIN_RATE_LIMIT_PER_MINUTE: '1000' });
  url = await api.app.listen({ host: '127.0.0.1', port: 0 });
  browser = await startBrowser();
  const manager = api.as('manager');
  // The first file on record, with an error to show.
  await manager('POST', '/imports', 'sku,name\nX,\n', { 'content-type': 'text/csv' });
  await manager('POST', '/locations', { code: 'attic', name: 'Attic' });
  await manager('POST', '/categories', { name: 'Kitchen' });
  await api.database.client.query(
    `INSERT INTO items (sku, name, unit_price, reorder_point, barcode)
     SELECT 'SKU-' || lpad(n::text, 6, '0'), 'Thing ' || n, 1.5, CASE WHEN n % 3 = 0 THEN 20 ELSE 0 END,
       CASE WHEN n = 3 THEN $1 END
     FROM generate_series(1, $2::int) AS n`,
    [BARCODE, ITEMS],
  );
  await manager('POST', '/stock/receive', {
    lines: [
      { item_id: 1, quantity: 100 },
      { item_id: 3, quantity: 12 },
    ],
  });
});
afterAll(async () => {
  if (program === undefined) return;
  await browser.close();
  await api.close();
});

/** A page of somebody who has logged in, at an address. Fails at its end if the browser complained of anything. */
async function visit(
  path: string,
  use: (page: Page) => Promise<void>,
  { as = 'manager', width = 1600, scheme = 'light' as 'light' | 'dark', locale = 'en-US' } = {},
): Promise<void> {
  const viewport = { width, height: 800 };
  const { page, complaints } = await openPage(browser, url, { viewport, colorScheme: scheme, locale });
  try {
    await page.goto(path);
    await logIn(page, as, PASSWORD);
    await page
      .getByRole('heading', { level: 1 })
      .and(page.locator('main.log-in h1'))
      .waitFor({ state: 'detached' });
    await use(page);
    expect(complaints).toEqual([]);
  } finally {
    await page.context().close();
  }
}

const stockOf = async (id: number) =>
  (await api.as('viewer')('GET', `/items/${id}/stock`)).json().on_hand as number;

test('what is built is small, has nothing inline, and is kept for ever by its name', async () => {
  const assets = readdirSync(`${BUILT}/assets`);
  const zipped = assets
    .filter((name) => name.endsWith('.gz'))
    .map((name) => statSync(`${BUILT}/assets/${name}`).size);
  expect(zipped.length).toBeGreaterThan(5);
  expect(zipped.reduce((sum, size) => sum + size, 0)).toBeLessThan(80 * 1024);
  const html = readFileSync(`${BUILT}/index.html`, 'utf8');
  expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bstyle=|\son\w+=/);

  const own = program === undefined ? await startApi() : api;
  try {
    const page = await own.app.inject('/items/12');
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['content-security-policy']).not.toMatch(/unsafe|\*|data:/);
    expect(page.headers['cache-control']).toBe('no-cache');
    const [, script = ''] = /src="([^"]+)"/.exec(page.body) ?? [];
    const asset = await own.app.inject({ url: script, headers: { 'accept-encoding': 'br' } });
    expect(asset.statusCode).toBe(200);
    expect(asset.headers['content-encoding']).toBe('br');
    expect(asset.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    for (const nowhere of ['/assets/none.js', '/assets/../package.json', '/items/1/2', '/nowhere']) {
      expect((await own.app.inject(nowhere)).json(), nowhere).toMatchObject({ code: 'no_such_route' });
    }
  } finally {
    if (own !== api) await own.close();
  }
});

describe.skipIf(program === undefined)('in a browser', () => {
  test('somebody logs in and is where the address leads', async () => {
    const { page, complaints } = await openPage(browser, url);
    const answer = await page.goto('/items/3');
    expect(answer?.status()).toBe(200);
    await logIn(page, 'manager', 'not the password');
    await page.getByRole('alert').getByText('User name or password is wrong.').waitFor();
    await logIn(page, 'manager', PASSWORD);
    await page.getByRole('heading', { name: 'Thing 3' }).waitFor();
    expect(await page.title()).toBe('Thing 3 · Inventory');
    // Another tab is logged in as well, and a session that is ended in one is ended in both.
    const other = await page.context().newPage();
    await other.goto('/items');
    await other.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('button', { name: 'Log in' }).waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('the list is searched, sorted and scrolled by keyboard, and is there again on the way back', async () => {
    await visit('/items', async (page) => {
      const rows = page.getByRole('table', { name: 'Items' });
      await rows.getByRole('link', { name: 'Thing 3', exact: true }).waitFor();
      expect(await rows.locator('[data-row="2"]').innerText()).toMatch(/Low\s+12/);

      await page.keyboard.press('/');
      await page.keyboard.type('thing 24');
      await rows.getByRole('link', { name: 'Thing 24', exact: true }).waitFor();
      await expect.poll(() => page.url()).toContain('search=thing+24');
      // Nor what `thing 2` found, while that was all that was typed.
      for (const name of ['Thing 3', 'Thing 25']) {
        await expect.poll(() => rows.getByRole('link', { name, exact: true }).count()).toBe(0);
      }
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: /^Thing 24/ }).waitFor();
      await page.goBack();
      await expect.poll(() => page.getByLabel('Search items').inputValue()).toBe('thing 24');
      await page.getByLabel('Search items').fill('');

      await rows.getByRole('button', { name: 'SKU' }).click();
      await rows.getByRole('link', { name: `Thing ${ITEMS}`, exact: true }).waitFor();
      await rows.locator('a').first().focus();
      for (let times = 0; times < 6; times += 1) await page.keyboard.press('PageDown');
      await expect
        .poll(() => page.evaluate('document.activeElement.textContent'))
        .toBe(`Thing ${ITEMS - 90}`);

      await expect
        .poll(
          async () => {
            await page.evaluate(
              `{ const box = document.querySelector('.rows'); box.scrollTop = box.scrollHeight; }`,
            );
            return rows.getByRole('link', { name: 'Thing 1', exact: true }).count();
          },
          { timeout: PATIENCE_MS },
        )
        .toBe(1);
      expect(await rows.locator('[data-row]').count()).toBeLessThan(80);
      await rows.getByRole('link', { name: 'Thing 2', exact: true }).click();
      await page.getByRole('heading', { name: 'Thing 2', exact: true }).waitFor();
      await page.goBack();
      await rows.getByRole('link', { name: 'Thing 2', exact: true }).waitFor();
    });
  });

  test('two who edit one item both see it, and put their changes together', async () => {
    await visit('/items/10', async (page) => {
      await page.getByRole('button', { name: 'Edit' }).click();
      await page.getByLabel('Name').fill('My name');
      await page.getByLabel('Reorder at').fill('7');
      await api.as('manager')('PATCH', '/items/10', { name: 'Their name', unit: 'box' }, { 'if-match': '*' });
      await page.getByRole('button', { name: 'Save' }).click();
      const conflict = page.getByRole('alert').filter({ hasText: 'Somebody else has changed this item.' });
      await conflict.getByText('Their Unit is taken over.').waitFor();
      expect(await conflict.getByRole('radio', { name: 'yours My name' }).isChecked()).toBe(true);
      await conflict.getByRole('radio', { name: 'theirs Their name' }).check();
      await conflict.getByRole('radio', { name: 'yours My name' }).check();
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByRole('heading', { name: 'My name' }).waitFor();
    });
    const item = (await api.as('viewer')('GET', '/items/10')).json();
    expect(item).toMatchObject({ name: 'My name', unit: 'box', reorder_point: 7, version: 3 });
  });

  test('a scanner faster than the network loses no code, and a list without an answer is done once', async () => {
    const before = await stockOf(3);
    await visit('/stock/receive', async (page) => {
      await page.getByLabel('At', { exact: true }).selectOption({ label: 'main · Main' });
      await page.getByLabel(/^Scan/).focus();
      for (const code of [BARCODE, BARCODE, '5*SKU-000003', 'no such code', BARCODE]) {
        await page.keyboard.type(code);
        await page.keyboard.press('Enter');
      }
      await page.getByText('No item has this code or name.').waitFor();
      await page.getByRole('button', { name: 'Leave it out' }).click();
      await expect.poll(() => page.getByLabel('Received, Thing 3').inputValue()).toBe('8');

      // Done, but the answer is lost; the list outlives a reload.
      let sent = 0;
      await page.route('**/stock/receive', async (route) => {
        if (route.request().method() !== 'POST') return route.continue();
        sent += 1;
        if (sent > 1) return route.continue();
        await route.fetch();
        return route.abort();
      });
      await page.getByLabel(/^Scan/).focus();
      await page.keyboard.press('Control+Enter');
      await page.getByRole('alert').getByText('No answer from the inventory.').waitFor();
      expect(await stockOf(3)).toBe(before + 8);
      await page.reload();
      await page.getByText('Sent again, it is not done twice.').waitFor();
      expect(await page.getByLabel('Received, Thing 3').isDisabled()).toBe(true);
      await page.getByRole('button', { name: 'Send again' }).click();
      await page.getByRole('status').getByText('Received.').waitFor();
      expect(sent).toBe(2);
    });
    expect(await stockOf(3)).toBe(before + 8);
  });

  test('what goes out, moves and is counted is in the ledger; too much is refused at its line', async () => {
    await visit('/stock/issue?item=1', async (page) => {
      await page.getByLabel('Issued, Thing 1').fill('5000');
      await page.getByRole('button', { name: 'Issue 1 line' }).click();
      await page.getByRole('alert').getByText('stock', { exact: false }).first().waitFor();
      await page.getByLabel('Issued, Thing 1').fill('10');
      await page.getByRole('button', { name: 'Issue 1 line' }).click();
      await page.getByRole('status').getByText('Issued.').waitFor();

      await page.goto('/stock/transfer?item=1');
      await page.getByLabel('Moved, Thing 1').fill('30');
      await page.getByRole('button', { name: 'Transfer 1 line' }).click();
      await page.getByRole('status').getByText('Moved.').waitFor();

      await page.goto('/stock/count?item=1');
      await page.getByLabel('Counted, Thing 1').fill('55');
      await page.getByRole('button', { name: 'Count 1 line' }).click();
      await page.getByRole('status').getByText('Counted.').waitFor();

      await page.goto('/items/1');
      await page.getByText('85 on hand').waitFor();
      const ledger = page.getByRole('region', { name: 'Movements' });
      expect(await ledger.getByRole('row').allInnerTexts()).toEqual([
        expect.stringContaining('When'),
        expect.stringMatching(/count\s+main\s+−5\s+55/),
        expect.stringMatching(/transfer\s+attic\s+\+30\s+30/),
        expect.stringMatching(/transfer\s+main\s+−30\s+60/),
        expect.stringMatching(/issue\s+main\s+−10\s+90/),
        expect.stringMatching(/receive\s+main\s+\+100\s+100/),
      ]);
      await page.locator('canvas').waitFor();
    });
  });

  test('what is weighed is typed and shown with its decimals, as its user writes numbers', async () => {
    const use = async (page: Page) => {
      await page.goto('/items/new');
      await page.getByLabel('Name').fill('Rye flour');
      await page.getByLabel('SKU').fill('RYE');
      await page.getByLabel('Unit').fill('kg');
      await page.getByLabel('Decimals').selectOption('3: 0,001');
      await page.getByLabel('Reorder at').fill('2.5');
      await page.getByRole('button', { name: 'Add item' }).click();
      await page.getByRole('heading', { name: 'Rye flour' }).waitFor();

      await page.getByRole('link', { name: 'Receive', exact: true }).last().click();
      await page.getByLabel(/^Scan/).fill('1,3*RYE');
      await page.keyboard.press('Enter');
      const received = page.getByLabel('Received, Rye flour');
      await expect.poll(() => received.inputValue()).toBe('2.3');
      await received.fill('1234.0005');
      await page.getByRole('button', { name: 'Receive 1 line' }).click();
      expect(await page.evaluate(`document.querySelector('.lines input').validity.stepMismatch`)).toBe(true);
      await received.fill('1234.5');
      await page.getByRole('button', { name: 'Receive 1 line' }).click();
      await page.getByRole('status').getByText('+1.234,500 at main: now 1.234,500 kg').waitFor();
      await page.goto('/stock/issue');
      for (const part of ['0.1', '0.2']) {
        await page.getByLabel(/^Scan/).fill(`${part}*RYE`);
        await page.keyboard.press('Enter');
      }
      await expect.poll(() => page.getByLabel('Issued, Rye flour').inputValue()).toBe('0.3');
      await page.keyboard.press('Control+Enter');
      await page.getByRole('status').getByText('now 1.234,200 kg').waitFor();

      await page.getByRole('link', { name: 'Rye flour' }).click();
      await page.getByText('1.234,200 kg on hand').waitFor();
      await page.getByText('2,500 kg', { exact: true }).waitFor();
      await page.getByRole('row', { name: /issue\s+main\s+−0,300\s+1.234,200/ }).waitFor();
      await page.getByRole('button', { name: 'Edit' }).click();
      await page.getByLabel('Decimals').selectOption('none: whole numbers');
      await page.getByLabel('Reorder at').fill('2');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('can only be raised').waitFor();
      await page.goto('/reports/valuation');
      await page
        .getByText(/^1.234,2 kg · /)
        .or(page.getByText(/ · 1.234,2 kg$/))
        .first()
        .waitFor();

      await page.goto('/items?search=rye');
      const row = page.locator('[data-row]').filter({ hasText: 'Rye flour' });
      await row.waitFor();
      const boxes = await Promise.all(['b', 'small'].map((part) => row.locator(part).boundingBox()));
      const [quantity, unit] = boxes.map((box) => (box ? box.y + box.height / 2 : Number.NaN));
      expect(Math.abs((quantity as number) - (unit as number))).toBeLessThan(5);
      const download = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Export for Excel' }).click();
      const file = readFileSync(await (await download).path(), 'utf8');
      expect(file).toMatch(/^\ufeffsku,name,unit,.*\n(.*\n)*RYE,Rye flour,kg,0.00,1234.200,2.500,,,,3\n/);
    };
    await visit('/items', use, { locale: 'de-DE' });
  });

  test('a file is looked at before anything of it is written', async () => {
    const csv =
      'Nr;Artikel;Farbe;Preis\nX-1;Teekanne;blau;12,50\nX-2;;rot;1,00\n"X-3";"Vase; groß";weiß;abc\n';
    await visit('/import', async (page) => {
      await page
        .getByLabel('Choose a file')
        .setInputFiles({ name: 'lager.csv', mimeType: 'text/csv', buffer: Buffer.from(csv) });
      await page.getByLabel('Meaning of Nr').selectOption('SKU');
      await page.getByLabel('Meaning of Artikel').selectOption('Name');
      await page.getByLabel('Meaning of Preis').selectOption('Price');
      await page.getByLabel('Meaning of Farbe').selectOption('nothing: leave it out');
      await page.getByRole('button', { name: 'Check the file' }).click();
      await page.getByText('2 errors.').waitFor();
      const flaws = page.getByRole('region', { name: 'Errors and warnings' });
      expect(await flaws.getByRole('row').allInnerTexts()).toEqual([
        expect.stringContaining('What is wrong'),
        expect.stringMatching(/3\s+error\s+name\s+is missing/),
        expect.stringMatching(/4\s+error\s+unit_price\s+must be a price.*abc/s),
      ]);
      expect((await api.as('viewer')('GET', '/items?sku=X-1')).json().data).toEqual([]);
      await page.getByRole('button', { name: 'Import the good rows alone' }).click();
      await page.getByText('lager.csv is imported.').waitFor();
    });
    const { data } = (await api.as('viewer')('GET', '/items?search=X-')).json();
    expect(data).toEqual([expect.objectContaining({ sku: 'X-1', name: 'Teekanne', unit_price: '12.50' })]);
  });

  test('a stocktake shows what it would change before it is booked, and is on record', async () => {
    const csv = 'EAN;Menge\n5012345678900;77\n';
    await visit('/import-counts', async (page) => {
      await page
        .getByLabel('Choose a file')
        .setInputFiles({ name: 'count.csv', mimeType: 'text/csv', buffer: Buffer.from(csv) });
      await page.getByLabel('Meaning of Menge').selectOption('Counted');
      await page
        .getByLabel('Rows without a location were counted at')
        .selectOption({ label: 'attic · Attic' });
      await page.getByRole('button', { name: 'Check the file' }).click();
      await page.getByText('would change 0 on hand by +77').waitFor();
      await page.getByRole('button', { name: 'Book 1 rows' }).click();
      await page.getByText('count.csv is booked.').waitFor();
      await page.goto('/imports');
      await page.getByLabel('Files of').selectOption('Counts');
      await page
        .getByRole('row', { name: /counts\s+atomic\s+applied/ })
        .getByRole('link')
        .click();
      await page.getByText('Nothing was wrong with it.').waitFor();
    });
    const { locations } = (await api.as('viewer')('GET', '/items/3/stock')).json();
    expect(locations).toContainEqual(expect.objectContaining({ location: 'attic', on_hand: 77 }));
  });

  test('locations are added, changed by one of two, and removed', async () => {
    await visit('/locations', async (page) => {
      await page.getByLabel('Code', { exact: true }).fill('cellar');
      await page.getByLabel('Name', { exact: true }).fill('Cellar');
      await page.getByRole('button', { name: 'Add location' }).click();
      await page.getByRole('button', { name: 'Edit cellar' }).click();
      const { data } = (await api.as('viewer')('GET', '/locations')).json();
      const { id } = data.find(({ code }: { code: string }) => code === 'cellar');
      await api.as('manager')('PATCH', `/locations/${id}`, { name: 'Theirs' }, { 'if-match': '*' });
      await page.getByLabel('Name of cellar').fill('Mine');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').getByText('Somebody else has changed it').waitFor();
      await page.getByRole('cell', { name: 'Theirs' }).waitFor();
      await page.getByRole('button', { name: 'Remove cellar' }).click();
      await page.getByRole('button', { name: 'Really remove cellar' }).click();
      await page.getByRole('status').getByText('cellar is removed.').waitFor();
      await page.getByRole('button', { name: 'Remove main' }).click();
      await page.getByRole('button', { name: 'Really remove main' }).click();
      await page.getByRole('alert').getByText('The default location stays.').waitFor();
    });
  });

  test('an admin makes a key that works, sees its use, and revokes it; and adds a webhook', async () => {
    await visit(
      '/api-keys',
      async (page) => {
        await page.getByLabel('Name', { exact: true }).fill('till');
        await page.getByLabel('Read movements', { exact: true }).check();
        await page.getByRole('button', { name: 'Add key' }).click();
        const key = await page.getByLabel('Secret').inputValue();
        const withKey = () =>
          api.app.inject({ url: '/api/v1/movements', headers: { authorization: `Bearer ${key}` } });
        expect((await withKey()).statusCode).toBe(200);
        await page.reload();
        await page.getByRole('row', { name: /till.*stock:read/ }).waitFor();
        expect(await page.getByText(key).count()).toBe(0);
        await page.getByRole('button', { name: 'Revoke till' }).click();
        await page.getByRole('button', { name: 'Really revoke till' }).click();
        await page.getByRole('status').getByText('till is revoked.').waitFor();
        expect((await withKey()).statusCode).toBe(401);

        await page.goto('/webhooks');
        await page.getByLabel('Receiver').fill('https://127.0.0.1/hook');
        await page.getByLabel('stock.moved').check();
        await page.getByRole('button', { name: 'Add webhook' }).click();
        await page.getByText('is refused: the address is not a public one').first().waitFor();
        await page.getByLabel('Receiver').fill('https://receiver.invalid/hook');
        await page.getByRole('button', { name: 'Add webhook' }).click();
        expect(await page.getByLabel('Secret').inputValue()).toMatch(/^whsec_/);
        await page.getByRole('button', { name: 'Test https://receiver.invalid/hook' }).click();
        await page.getByRole('status').getByText('The test failed: the receiver cannot be reached').waitFor();
        await page.getByRole('button', { name: 'Pause https://receiver.invalid/hook' }).click();
        await page.getByText('paused', { exact: true }).waitFor();
        await page.getByRole('button', { name: 'Edit https://receiver.invalid/hook' }).click();
        const other = page.getByLabel('Receiver instead of https://receiver.invalid/hook');
        await other.fill('https://127.0.0.1/hook');
        await page.keyboard.press('Enter');
        await page.getByText('is refused: the address is not a public one').first().waitFor();
        await other.fill('https://other.invalid/hook');
        await page.keyboard.press('Enter');
        await page.getByRole('button', { name: 'Test https://other.invalid/hook' }).waitFor();
        await page.goto('/audit');
        await page.getByRole('row', { name: /admin\s+create api key till/ }).waitFor();
      },
      { as: 'admin' },
    );
  });

  test('a session that ends is begun again over the form, which is sent then', async () => {
    await visit('/items/new', async (page) => {
      await page.getByLabel('Name').fill('Typed before the end');
      await page.getByLabel('SKU').fill('LATE-1');
      // An access token that is over is exchanged without a word.
      const spoil = (names: string) =>
        page.evaluate(`{
          const session = JSON.parse(localStorage.getItem('inventory.session'));
          for (const name of '${names}'.split(' ')) session[name] = 'spoiled';
          localStorage.setItem('inventory.session', JSON.stringify(session));
        }`);
      await spoil('access');
      await page.getByRole('button', { name: 'Add item' }).click();
      await page.getByRole('heading', { name: 'Typed before the end' }).waitFor();

      await page.getByRole('button', { name: 'Edit' }).click();
      await page.getByLabel('Name').fill('Typed after it');
      await spoil('access refresh');
      await page.getByRole('button', { name: 'Save' }).click();
      const dialog = page.getByRole('dialog', { name: 'Log in again' });
      await dialog.getByLabel('Password').fill(PASSWORD);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Typed after it' }).waitFor();
    });
  });

  test('without a network, or a database, it says so and goes on later', async () => {
    await visit('/items', async (page) => {
      /** A list that is scrolled, as a click may do, asks again by itself, and takes the button away. */
      const foundAgain = async (name: string) => {
        await page
          .getByRole('button', { name: 'Try again' })
          .click({ timeout: 2000 })
          .catch(() => {});
        await page.getByRole('link', { name, exact: true }).waitFor();
      };
      const first = page.getByRole('link', { name: 'Thing 1', exact: true });
      await first.waitFor();
      await page.context().setOffline(true);
      await page.getByLabel('Search items').fill('thing 7');
      await page.getByRole('alert').getByText('No answer from the inventory.').waitFor();
      await page.context().setOffline(false);
      await foundAgain('Thing 7');

      await api.database.setReachable(false);
      await page.getByLabel('Search items').fill('thing 8');
      await page.getByRole('alert').getByText('cannot be reached right now').waitFor();
      await api.database.setReachable(true);
      await foundAgain('Thing 8');
    });
  });

  test('text that would be a script is text, wherever it is shown', async () => {
    const admin = api.as('admin');
    const named = async (path: string, body: object) => (await admin('POST', path, body)).json().id as number;
    const category_id = await named('/categories', { name: HOSTILE });
    const supplier_id = await named('/suppliers', { name: HOSTILE });
    await named('/locations', { code: HOSTILE.slice(0, 32), name: HOSTILE });
    const item = {
      sku: HOSTILE.slice(0, 64),
      name: HOSTILE,
      unit: HOSTILE.slice(0, 20),
      barcode: HOSTILE.slice(0, 64),
      reorder_point: 9,
      category_id,
      supplier_id,
    };
    const id = await named('/items', item);
    const lines = [{ item_id: id, quantity: 1 }];
    await admin('POST', '/stock/receive', { lines, reference: HOSTILE, reason: HOSTILE });
    await visit(
      `/items/${id}`,
      async (page) => {
        await page.getByRole('heading', { name: HOSTILE }).waitFor();
        await page.getByRole('cell', { name: `${HOSTILE} · ${HOSTILE}` }).waitFor();
        await page.getByRole('button', { name: 'Edit' }).click();
        for (const path of [
          `/items?search=${encodeURIComponent(HOSTILE.slice(0, 60))}`,
          `/stock/transfer?item=${id}`,
          '/reports/low-stock',
          '/reports/valuation',
          '/audit',
        ]) {
          await page.goto(path);
          await page
            .getByText(/<img src=x/)
            .first()
            .waitFor({ state: 'attached' });
        }
        expect(await page.locator('img, main script').count()).toBe(0);
      },
      { as: 'admin' },
    );
  });

  test('a viewer is offered nothing that they may not do; an admin manages users', async () => {
    await visit(
      '/items/3',
      async (page) => {
        await page.getByRole('heading', { name: 'Thing 3' }).waitFor();
        expect(await page.getByRole('button', { name: 'Edit' }).count()).toBe(0);
        expect(await page.getByRole('link', { name: 'Receive' }).count()).toBe(0);
        expect(await page.getByRole('link', { name: 'Users' }).count()).toBe(0);
      },
      { as: 'viewer' },
    );
    await visit(
      '/users',
      async (page) => {
        await page.getByLabel('User name').fill('jane');
        await page.getByLabel('Password', { exact: true }).fill('a password for jane');
        await page.getByRole('button', { name: 'Add user' }).click();
        await page.getByLabel('Role of jane').selectOption('manager');
        await page.getByRole('status').getByText('jane is a manager now.').waitFor();
        await page.getByLabel('jane may log in').click();
        await page.getByRole('status').getByText('jane may not log in any more.').waitFor();
      },
      { as: 'admin' },
    );
    const { rows } = await api.database.client.query(
      `SELECT role, active FROM users WHERE username = 'jane'`,
    );
    expect(rows).toEqual([{ role: 'manager', active: false }]);
  });

  // SCREENSHOTS names a folder for pictures of every view, at both widths in both themes.
  test.each([
    [360, 'dark'],
    [1600, 'light'],
    ...(process.env.SCREENSHOTS
      ? ([
          [360, 'light'],
          [1600, 'dark'],
        ] as const)
      : []),
  ] as const)(
    'axe finds nothing at %i pixels in %s, and nothing is wider than the window',
    async (width, scheme) => {
      await visit(
        '/items',
        async (page) => {
          for (const path of VIEWS) {
            const answer = await page.goto(path);
            expect(answer?.status(), path).toBe(200);
            await page.getByRole('heading', { level: 1 }).waitFor();
            await page.waitForLoadState('networkidle');
            if (process.env.SCREENSHOTS) {
              const name = `${width}-${scheme}${path.replaceAll('/', '-')}.png`;
              await page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}` });
            }
            await page.evaluate(AXE);
            const flaws = await page.evaluate(
              `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes[0].html + ' ' + (nodes[0].failureSummary ?? '')))`,
            );
            expect(flaws, path).toEqual([]);
            expect(await page.evaluate('document.documentElement.scrollWidth'), path).toBeLessThanOrEqual(
              width,
            );
          }
        },
        { as: 'admin', width, scheme },
      );
    },
  );
});
