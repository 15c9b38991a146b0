// `npm run replay -- FILE`: order lines as a ledger, through the API. An example of a client, and a rehearsal.
import { createWriteStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PACKAGE } from '../package.js';
import { parseEnvFile } from '../settings/env-file.js';
import { ApiClient } from './api-client.js';
import { Progress } from './progress.js';
import { replay } from './replay.js';

const USAGE = `Usage: npm run replay -- FILE [--errors FILE]

Issues and returns the order lines of a CSV file with the columns InvoiceNo, StockCode and Quantity.
Rows that are no movement go to FILE.errors.csv, or where --errors says.

API_URL         the API (http://localhost:5003)
ADMIN_USERNAME  who logs in: a manager or an admin (admin)
ADMIN_PASSWORD  their password
Each is looked for in the environment, then in .env.`;

const INVENTORY = fileURLToPath(new URL('data/new_inventory.csv', PACKAGE));

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** @returns the exit code: 0 if levels and ledger agree at the end. */
async function main(): Promise<number> {
  const command = readCommand();
  if (command === undefined) {
    console.error(USAGE);
    return 2;
  }
  const { file, errorsFile } = command;
  const { size } = await stat(file);
  const variables = new Map([
    ...(await readFile('.env', 'utf8').then(parseEnvFile, () => new Map<string, string>())),
    ...Object.entries(process.env),
  ]);
  const password = variables.get('ADMIN_PASSWORD');
  if (!password) throw new Error('ADMIN_PASSWORD is set neither in the environment nor in .env.');
  const client = new ApiClient(variables.get('API_URL') ?? 'http://localhost:5003', {
    username: variables.get('ADMIN_USERNAME') ?? 'admin',
    password,
  });

  const started = performance.now();
  const progress = new Progress(process.stderr, size);
  const report = createWriteStream(errorsFile);
  report.write(csvLine('row', 'column', 'reason', 'value'));
  let tally: Awaited<ReturnType<typeof replay>>;
  try {
    tally = await replay({
      client,
      file,
      inventoryFile: INVENTORY,
      onRefusal: (row, { column, reason, value }) =>
        report.write(csvLine(String(row), column, reason, value)),
      onProgress: ({ rows }, byte) => progress.advance(byte, rows),
    });
  } finally {
    progress.clear();
    report.end();
    await finished(report);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const { clean } = (await client.expect({ method: 'GET', path: '/stock/verify' })) as { clean: boolean };
  console.log(
    `${tally.rows} lines in ${seconds} s: ${tally.issued} issued, ${tally.returned} returned, ` +
      `${tally.repeated} done before, ${tally.refused} refused (${errorsFile}). ` +
      `The ledger is ${clean ? 'clean' : 'NOT clean: see GET /api/v1/stock/verify'}.`,
  );
  return clean ? 0 : 1;
}

function readCommand(): { file: string; errorsFile: string } | undefined {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { errors: { type: 'string' } },
    });
    const [file, ...rest] = positionals;
    if (file === undefined || rest.length > 0) return undefined;
    return { file, errorsFile: values.errors ?? `${file}.errors.csv` };
  } catch {
    return undefined;
  }
}

function csvLine(...cells: readonly string[]): string {
  return `${cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')}\n`;
}
