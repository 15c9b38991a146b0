import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ask, startApi, type TestApi } from '../api.js';

// Files as people have them.

let api: TestApi;
let manager: Ask;

beforeEach(async () => {
  api = await startApi();
  manager = api.as('manager');
});
afterEach(() => api.close());

const CSV = { 'content-type': 'text/csv' };
const upload = (file: string | Buffer, query = '') => manager('POST', `/imports${query}`, file, CSV);

async function items(): Promise<unknown[]> {
  const { rows } = await api.database.client.query(
    `SELECT sku, name, unit_price::text AS price, barcode, on_hand::int FROM items
     LEFT JOIN stock_levels ON item_id = id ORDER BY sku`,
  );
  return rows.map(Object.values);
}

async function expectTaken(
  file: string | Buffer,
  expected: unknown[],
  query = '',
): Promise<Record<string, unknown>> {
  const answer = await upload(file, query);
  expect(answer.statusCode, answer.body).toBe(201);
  expect(await items()).toEqual(expected);
  return answer.json();
}

const utf16 = (text: string, { swap = false, mark = true } = {}) => {
  const bytes = Buffer.from(`${mark ? '\ufeff' : ''}${text}`, 'utf16le');
  return swap ? bytes.swap16() : bytes;
};
const TEA = [['A', 'Crème', '12.50', null, 3]];
const tea = (separator: string) =>
  ['sku,name,unit_price,quantity', 'A,Crème,12.50,3'].join('\r\n').replaceAll(',', separator);

describe('delimiters and encodings', () => {
  test.each<[string, string | Buffer, string]>([
    ['semicolons', tea(';'), 'utf-8'],
    ['tabs', tea('\t'), 'utf-8'],
    ['bars', tea('|'), 'utf-8'],
    ['a comma for the decimals', tea(';').replace('12.50', '12,50'), 'utf-8'],
    ["Excel's sep=", `sep=;\r\n${tea(';')}`, 'utf-8'],
    ['a byte order mark', `\ufeff${tea(',')}`, 'utf-8'],
    ['quotes with a delimiter in them', tea(';').replace('name', '"name"').replace('A;', '"A";'), 'utf-8'],
    ['trailing empty columns', tea(',').replaceAll(/$/gm, ',,'), 'utf-8'],
    ['trailing empty cells alone', tea(',').replace(/$/, ',,'), 'utf-8'],
    ['blank lines before the header', `\r\n\r\n${tea(',')}`, 'utf-8'],
    ['Windows-1252', Buffer.from(tea(';'), 'latin1'), 'windows-1252'],
    ['UTF-16 as Windows has it', utf16(tea('\t')), 'utf-16le'],
    ['UTF-16, big end first', utf16(tea('\t'), { swap: true }), 'utf-16be'],
    ['UTF-16 without a mark', utf16(tea(','), { mark: false }), 'utf-16le'],
    ['decomposed letters', tea(',').normalize('NFD'), 'utf-8'],
  ])('%s', async (_name, file, encoding) => {
    expect(await expectTaken(file, TEA)).toMatchObject({ encoding, layout: 'plain', ignored_columns: [] });
  });

  test('a thousand is no decimal', async () => {
    const answer = await upload(tea(';').replace('12.50', '1,250'));
    expect(answer.json().errors).toMatchObject([{ pointer: '/rows/2/unit_price' }]);
  });
});

describe("a shop's export comes in as it is", () => {
  test('Shopify: variants follow without a title, pictures are no items', async () => {
    const file = [
      'Handle,Title,Body (HTML),Vendor,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,Variant Barcode,Image Src,Status',
      'tee,"Tee, plain","<p>Soft, ""really""</p>",Acme,Size,S,TEE-S,4,19.99,\'0012345678905,https://x/1.png,active',
      'tee,,,,,M,TEE-M,0,19.99,,,',
      'tee,,,,,,,,,,https://x/2.png,',
      'pot,Pot,,Acme,Title,Default Title,POT,2,7.00,,,active',
    ].join('\n');
    const answer = await expectTaken(file, [
      ['POT', 'Pot', '7.00', null, 2],
      ['TEE-M', 'Tee, plain - M', '19.99', null, null],
      ['TEE-S', 'Tee, plain - S', '19.99', '0012345678905', 4],
    ]);
    expect(answer).toMatchObject({ layout: 'shopify', skipped: 1, created: 3 });
    expect(answer.ignored_columns).toContain('Body (HTML)');
  });

  test('WooCommerce: a product with variants is no item itself', async () => {
    const file = [
      'ID,Type,SKU,"GTIN, UPC, EAN, or ISBN",Name,Published,"Low stock amount",Stock,"Regular price",Categories,Images',
      '1,simple,CUP,4006381333931,Cup,1,2,7,3.5,"Kitchen, Tea",https://x/1.png',
      '2,variable,TEE,,Tee,1,,,,Clothes,',
      '3,variation,TEE-S,,Tee - S,1,,5,19.99,,',
      '4,"simple, downloadable, virtual",PDF,,Pattern,1,,,2,,',
    ].join('\n');
    const answer = await expectTaken(file, [
      ['CUP', 'Cup', '3.5', '4006381333931', 7],
      ['PDF', 'Pattern', '2', null, null],
      ['TEE-S', 'Tee - S', '19.99', null, 5],
    ]);
    expect(answer).toMatchObject({ layout: 'woocommerce', skipped: 1 });
  });

  test('Medusa: a price in one currency', async () => {
    const file = [
      'Product Id,Product Handle,Product Title,Product Status,Variant Title,Variant SKU,Variant Barcode,Variant Inventory Quantity,Price EUR',
      'p1,tee,Tee,published,S,TEE-S,,4,19.99',
      'p2,cup,Cup,published,Default,CUP,4006381333931,1,3',
    ].join('\n');
    const answer = await expectTaken(file, [
      ['CUP', 'Cup', '3', '4006381333931', 1],
      ['TEE-S', 'Tee - S', '19.99', null, 4],
    ]);
    expect(answer).toMatchObject({ layout: 'medusa' });
    const two = file
      .replaceAll('Price EUR', 'Price EUR,Price USD')
      .replace('19.99', '19.99,21')
      .replace(',3', ',3,4');
    expect((await upload(two, '?mode=dry-run')).json()).toMatchObject({
      unchanged: 2,
      ignored_columns: expect.arrayContaining(['Price EUR', 'Price USD']),
    });
  });

  test("a till's list", async () => {
    await expectTaken('code;name;price;stock\r\n10;Tea;3,50;12\r\n', [['10', 'Tea', '3.50', null, 12]]);
  });
});

describe('the columns of the file', () => {
  const file = 'Nr,Artikel,Farbe\nA,Tea,green\n';
  const columns = (mapping: unknown) => `columns=${encodeURIComponent(JSON.stringify(mapping))}`;

  test('mean what the sender says', async () => {
    const answer = await expectTaken(
      file,
      [['A', 'Tea', '0', null, null]],
      `?${columns({ Nr: 'sku', ' ARTIKEL': 'name', Farbe: null })}`,
    );
    expect(answer.ignored_columns).toEqual(['Farbe']);
  });

  test('that nobody knows are left out on request', async () => {
    const query = `?${columns({ Nr: 'sku', Artikel: 'name' })}&other_columns=ignore`;
    expect((await expectTaken(file, [['A', 'Tea', '0', null, null]], query)).ignored_columns).toEqual([
      'Farbe',
    ]);
  });

  test.each([
    ['?columns=x', '/query/columns'],
    ['?columns=[]', '/query/columns'],
    [`?${columns({ Nr: 'colour' })}`, '/query/columns'],
    [`?${columns({ Nr: 'sku', Artikel: 'name', Size: null })}&other_columns=ignore`, '/rows/1'],
    [`?${columns({ Nr: 'sku', Artikel: 'sku' })}&other_columns=ignore`, '/rows/1'],
    ['', '/rows/1'],
  ])('%s is refused', async (query, pointer) => {
    const answer = await upload(file, query);
    expect(answer.statusCode).toBe(422);
    expect(answer.json().errors[0].pointer).toBe(pointer);
  });

  test('with two names for one thing are refused', async () => {
    expect((await upload('sku,name,price,unit_price\nA,a,1,2\n')).json().errors[0].code).toBe(
      'duplicate_column',
    );
  });
});

test('a barcode that a spreadsheet has damaged is refused with what helps', async () => {
  const answer = await upload('sku,name,barcode\nA,a,5.01E+12\nB,b,"5,01E+12"\n');
  expect(answer.json().errors).toEqual(
    [2, 3].map((row) => ({
      pointer: `/rows/${row}/barcode`,
      code: 'invalid',
      message: expect.stringContaining('format the column as text'),
    })),
  );
});

describe('a quantity', () => {
  const stock = async (id: number) => (await manager('GET', `/items/${id}/stock`)).json().on_hand;

  test('of an item that has stock is not taken, which is said', async () => {
    await upload('sku,name,quantity\nA,a,1\nB,b,2\nC,c,3\n');
    const answer = await upload('sku,name,quantity\nA,a,999\nB,b,2\nC,c,\n');
    expect(answer.json()).toMatchObject({ unchanged: 3, stocked: 0, quantity_ignored: 1, errors: 0 });
    expect(await stock(1)).toBe(1);
    const report = await manager('GET', `/imports/${answer.json().id}/errors.csv`);
    expect(report.body.split('\n')[1]).toMatch(
      /^2,quantity,quantity_ignored,"?is not taken, 1 are in stock.*,999,warning$/,
    );
  });

  test('without a location is opening stock of what was never anywhere', async () => {
    await api.database.client.query(`INSERT INTO locations (code, name) VALUES ('attic', 'Attic')`);
    await upload('sku,name,location,quantity\nA,a,attic,5\n');
    const answer = await upload('sku,name,quantity\nA,a,5\n');
    expect(answer.json()).toMatchObject({ stocked: 0, quantity_ignored: 0 });
    expect(await stock(1)).toBe(5);
    expect((await upload('sku,name,location,quantity\nA,a,main,2\n')).json()).toMatchObject({ stocked: 1 });
    expect(await stock(1)).toBe(7);
  });

  test('that no location holds is refused as opening stock', async () => {
    const answer = await upload('sku,name,quantity\nA,a,1000000000001\n');
    expect(answer.json().errors).toMatchObject([{ pointer: '/rows/2/quantity', code: 'out_of_range' }]);
  });
});

test('what an import makes of an item is in the audit log, and imports are listed', async () => {
  await upload('sku,name\nA,a\nB,b\n');
  const changing = await upload('sku,name\nA,changed\nB,b\n');
  const entries = (await api.as('admin')('GET', '/audit?entity=item&entity_id=1')).json().data;
  expect(entries).toMatchObject([
    {
      action: 'import',
      request_id: changing.headers['x-request-id'],
      state: { name: 'changed', version: 2 },
    },
    { action: 'import', state: null },
  ]);
  expect((await api.as('admin')('GET', '/audit?entity=item&entity_id=2')).json().data).toHaveLength(1);
  const listed = (await api.as('viewer')('GET', '/imports?limit=1')).json();
  expect(listed.data).toEqual([changing.json()]);
  expect((await api.as('viewer')('GET', `/imports?cursor=${listed.next_cursor}`)).json().data).toHaveLength(
    1,
  );
});
