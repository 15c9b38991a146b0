// Measures `db backup` and `db restore` beside what people type without invctl, in one run:
//   docker compose exec -T db pg_dump … > backup.sql        docker compose exec -T db psql … < backup.sql
// and beside PostgreSQL's own programs with nothing proved: what a proof costs is what is above them.
//
//   node scripts/bench-db.mjs [--megabytes 1000] [--csv ledger.csv] [--postgres 16] [--kills 3]
//
// The CSV is a ledger of order lines with a header (invoice, code, description, quantity, date, price, …), loaded as
// text and multiplied; without one, rows like it are made up. Then the protection is switched on, and the database
// killed and its volume removed under load; then again with the folder of the protection gone too. Needs Docker and a built dist/.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureCopyLoss, measureLoss, measureProtection } from './bench-protection.mjs';

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1000' },
    csv: { type: 'string' },
    postgres: { type: 'string', default: '16' },
    kills: { type: 'string', default: '3' },
  },
});
const bin = fileURLToPath(new URL('../bin/invctl.js', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'invctl-bench-db-'));
const copies = mkdtempSync(join(tmpdir(), 'invctl-bench-copies-'));
const name = `invctl-bench-db-${process.pid}`;
const psql = ['exec', '-T', 'db', 'psql', '-U', 'owner', '-d', 'shop', '-XqAt', '-v', 'ON_ERROR_STOP=1'];

function compose(args, options = {}) {
  return execFileSync('docker', ['compose', ...args], {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    ...options,
  });
}

function sql(statements) {
  return compose(psql, { input: statements }).trim();
}

/** Runs a program with files as its streams. Returns seconds, and the peak of its resident memory in bytes. */
async function timed(program, args, { input, output } = {}) {
  const stdin = input ? openSync(input, 'r') : 'ignore';
  const stdout = output ? openSync(output, 'w') : 'pipe';
  const started = performance.now();
  const child = spawn(program, args, { cwd: directory, stdio: [stdin, stdout, 'pipe'] });
  let printed = '';
  let errors = '';
  child.stdout?.on('data', (chunk) => {
    printed += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  let peak = 0;
  const watch = setInterval(() => {
    try {
      const high = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1];
      peak = Math.max(peak, Number(high ?? 0) * 1024);
    } catch {
      // It has ended, or this is no Linux.
    }
  }, 50);
  const [code] = await once(child, 'close');
  clearInterval(watch);
  const seconds = (performance.now() - started) / 1000;
  for (const descriptor of [stdin, stdout]) if (typeof descriptor === 'number') closeSync(descriptor);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}\n${errors}`);
  return { seconds, peak, printed };
}

function seed() {
  sql(`CREATE TABLE seed (invoice text, code text, description text, quantity text, at text, price text,
         customer text, country text);`);
  if (values.csv) {
    compose([...psql, '-c', 'COPY seed FROM STDIN (FORMAT csv, HEADER)'], {
      input: readFileSync(values.csv),
    });
  } else {
    sql(`INSERT INTO seed SELECT 536365 + i / 20, 'C' || i % 4000, 'LANTERN NUMBER ' || md5((i % 4000)::text),
           i % 24, to_char(timestamp '2010-12-01' + i * interval '7 s', 'YYYY-MM-DD HH24:MI:SS'),
           ((i * 37) % 900) / 100.0, 12346 + i % 950, 'United Kingdom' FROM generate_series(1, 42481) i;`);
  }
  sql(`CREATE TABLE lines (id bigserial PRIMARY KEY, LIKE seed);
       CREATE INDEX ON lines (invoice); CREATE INDEX ON lines (code);`);
  const wanted = Number(values.megabytes) * 1e6;
  while (Number(sql(`SELECT pg_database_size('shop')`)) < wanted) {
    sql(`INSERT INTO lines (invoice, code, description, quantity, at, price, customer, country)
         SELECT invoice, code, description, quantity, at, price, customer, country FROM seed;`);
  }
  sql('DROP TABLE seed; VACUUM ANALYZE; CHECKPOINT;');
}

function row(what, baseline, ours, goal, unit) {
  const ratio = ours / baseline;
  const verdict = ratio <= goal ? 'ok' : 'MISSED';
  return `| ${what} | ${baseline.toFixed(1)} ${unit} | ${ours.toFixed(1)} ${unit} | ${ratio.toFixed(2)} | ≤ ${goal.toFixed(2)} | ${verdict} |`;
}

function floor(what, baseline, bare) {
  return `| ${what} | ${baseline.toFixed(1)} s | (${bare.toFixed(1)} s) | ${(bare / baseline).toFixed(2)} | | |`;
}

writeFileSync(
  join(directory, 'compose.yaml'),
  `name: ${name}
services:
  db:
    image: postgres:${values.postgres}
    ports: ["127.0.0.1::5432"]
    environment: {POSTGRES_DB: shop, POSTGRES_USER: owner, POSTGRES_PASSWORD: bench}
    volumes: ["pgdata:/var/lib/postgresql/data"]
    shm_size: 128mb
    healthcheck: {test: ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "owner", "-d", "shop"], interval: 1s, retries: 60}
volumes: {pgdata: {}}
`,
);
try {
  compose(['up', '--detach', '--wait']);
  seed();
  const bytes = Number(sql(`SELECT pg_database_size('shop')`));
  const plain = join(directory, 'backup.sql');
  const dumpWords = ['compose', 'exec', '-T', 'db', 'pg_dump', '-U', 'owner', 'shop'];
  const baseDump = await timed('docker', dumpWords, { output: plain });
  const bareWords = ['compose', 'exec', '-T', 'db', 'pg_dump', '-U', 'owner', '-Fc', '-Z', 'zstd:1', 'shop'];
  const bareDump = await timed('docker', bareWords, { output: join(directory, 'bare.dump') });
  const backup = await timed(process.execPath, [bin, 'db', 'backup', '--json']);
  const { file, manifest } = JSON.parse(backup.printed).data;
  sql('CREATE DATABASE baseline');
  const restoreWords = ['compose', 'exec', '-T', 'db', 'psql', '-U', 'owner', '-d', 'baseline', '-q'];
  const baseRestore = await timed('docker', restoreWords, { input: plain, output: join(directory, 'log') });
  sql('DROP DATABASE baseline');
  sql('CREATE DATABASE baseline');
  compose(['cp', join(directory, 'bare.dump'), 'db:/tmp/bare.dump']);
  const loadWords = [
    'compose',
    'exec',
    '-T',
    '-u',
    'root',
    'db',
    'pg_restore',
    '-U',
    'owner',
    '-d',
    'baseline',
    '-j2',
    '/tmp/bare.dump',
  ];
  const bareRestore = await timed('docker', loadWords);
  sql('DROP DATABASE baseline');
  const restore = await timed(process.execPath, [bin, 'db', 'restore', file, '--yes', '--json']);
  const { swapMs } = JSON.parse(restore.printed).data;
  const peak = Math.max(backup.peak, restore.peak) / 1e6;
  const bench = {
    name,
    compose,
    docker: (args) => execFileSync('docker', args, { stdio: 'pipe' }),
    sql,
    invctl: (args) => timed(process.execPath, [bin, ...args, '--json']),
    baseline: { dump: baseDump.seconds, restore: baseRestore.seconds },
    rows: { ratio: row, floor },
    timed,
    place: join(directory, 'backups', 'protection'),
    image: `postgres:${values.postgres}`,
    follow: (args) =>
      spawn(process.execPath, [bin, 'db', 'copy', '--follow', ...args], { cwd: directory, stdio: 'ignore' }),
    removePlace: () => rmSync(bench.place, { recursive: true }),
    address: () => `postgresql://owner:bench@${compose(['port', 'db', '5432']).trim()}/shop`,
  };
  await bench.invctl(['db', 'restore', '--forget', '--confirm', name]);
  const protection = await measureProtection(bench);
  const loss = [await measureLoss(bench, Number(values.kills))];
  writeFileSync(join(directory, 'invctl.yaml'), `backup:\n  copyTo: ${copies}\n`);
  loss.push(await measureCopyLoss(bench, Number(values.kills), 'a folder'));
  process.stdout.write(`database: ${(bytes / 1e6).toFixed(0)} MB, ${manifest.tables[0].rows} rows

| | without invctl | invctl | ratio | goal | |
| --- | --- | --- | --- | --- | --- |
${floor('pg_dump -Fc -Z zstd:1, unproved', baseDump.seconds, bareDump.seconds)}
${row('backup, wall', baseDump.seconds, backup.seconds, 0.7, 's')}
${row('backup, size', statSync(plain).size / 1e6, manifest.bytes / 1e6, 0.4, 'MB')}
${floor('pg_restore -j2, unproved', baseRestore.seconds, bareRestore.seconds)}
${row('restore, wall', baseRestore.seconds, restore.seconds, 0.7, 's')}
| nobody can connect during the swap | | ${swapMs.toFixed(0)} ms | | ≤ 250 ms | ${swapMs <= 250 ? 'ok' : 'MISSED'} |
| invctl's own memory, peak | | ${peak.toFixed(0)} MB | | ≤ 150 MB | ${peak <= 150 ? 'ok' : 'MISSED'} |
${[...protection, ...loss].join('\n')}
`);
} finally {
  compose(['down', '--volumes', '--timeout', '1']);
  for (const folder of [directory, copies]) rmSync(folder, { recursive: true, force: true });
}
