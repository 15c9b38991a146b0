// What point-in-time recovery takes, beside the same baseline: rows of bench-db.mjs.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { acknowledgedLoad } from './acknowledged-load.mjs';

/** As `POST /stock/issue` of the inventory API writes: a line of the ledger, and the stock. */
const ISSUE = `\\set item random(1, 5000)
BEGIN;
UPDATE stock SET quantity = quantity - 1 WHERE item = :item;
INSERT INTO movements (item, quantity, reason) VALUES (:item, -1, 'issue');
COMMIT;`;
const CLIENTS = 8;
const SECONDS = 8;
const ROUNDS = 3;

/**
 * Issues stock for some seconds, as often as it goes.
 * @returns transactions a second: of several rounds the middle one.
 */
async function issueThroughput({ compose }) {
  compose(['exec', '-T', 'db', 'sh', '-c', 'cat >/tmp/issue.sql'], { input: ISSUE });
  const rates = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const said = compose([
      ...['exec', '-T', 'db', 'pgbench', '-U', 'owner', '-n', '-f', '/tmp/issue.sql'],
      ...['-c', String(CLIENTS), '-j', '2', '-T', String(SECONDS), 'shop'],
    ]);
    rates.push(Number(/tps = ([\d.]+)/.exec(said)?.[1]));
  }
  return rates.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)];
}

/** Microseconds of CPU that a service's container has used; NaN where nobody says. */
function cpuOf({ compose }, service) {
  const said = compose([
    'exec',
    '-T',
    service,
    'sh',
    '-c',
    'cat /sys/fs/cgroup/cpu.stat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null || true',
  ]);
  const microseconds = /usage_usec (\d+)/.exec(said)?.[1];
  // Of the first version of cgroups, in nanoseconds.
  return microseconds === undefined ? Number(/^(\d+)$/m.exec(said)?.[1]) / 1000 : Number(microseconds);
}

// PostgreSQL's own programs on an empty volume: nothing is proved, counted, asked or kept.
const BARE_RESTORE = `set -e
mkdir -p part wal
for base in $1; do mkdir "part/$base"; zstd -dc "/place/bases/$base/base.tar.zst" | tar -x -f - -C "part/$base" & done
for segment in $2; do
  case $segment in *.gz) gzip -dc "/place/$segment" >"wal/$(basename "$segment" .gz)" ;; *) cp "/place/$segment" wal ;; esac
done
wait
case $1 in
  *' '*) pg_combinebackup --no-manifest --no-sync --output=data part/* ;;
  *) mv part/* data ;;
esac
touch data/recovery.signal
printf '%s\n' "restore_command = 'cp /v/wal/%f %p 2>/dev/null || cp /v/wal/%f.partial %p 2>/dev/null'" >>data/postgresql.auto.conf
chmod 700 data && chown -R postgres: /v
setpriv --reuid=postgres --regid=postgres --clear-groups pg_ctl start --pgdata data --silent --wait --timeout 300 --log /v/log
until [ "$(setpriv --reuid=postgres --regid=postgres --clear-groups psql -U owner -d shop -XAtc 'SELECT pg_is_in_recovery()')" = f ]; do sleep 0.05; done`;

/** Seconds that a restore of the newest base and the WAL after it takes without invctl. */
async function bareRestore({ docker, timed, name, place, image }) {
  const read = (id) => JSON.parse(readFileSync(join(place, 'bases', id, 'base.json'), 'utf8'));
  const newest = read(readdirSync(join(place, 'bases')).sort().at(-1));
  const chain = [newest.id];
  for (let { parent } = newest; parent; { parent } = read(parent)) chain.unshift(parent);
  // LSN 1/2A000028 is in the segment 00000001 0000002A of its timeline.
  const [high, low] = newest.startLsn.split('/').map((part) => part.padStart(8, '0'));
  const first = `${high}000000${low.slice(0, 2)}`;
  const segments = readdirSync(join(place, 'wal', newest.run)).filter(
    (file) => /^[0-9A-F]{24}/.test(file) && file.slice(8, 24) >= first,
  );
  const volume = `${name}-bare`;
  try {
    const { seconds } = await timed('docker', [
      ...['run', '--rm', '--user', 'root', '--entrypoint', 'bash', '--workdir', '/v', '--shm-size', '128m'],
      ...['--volume', `${volume}:/v`, '--volume', `${place}:/place:ro`, image, '-c', BARE_RESTORE, 'bash'],
      ...[chain.join(' '), segments.map((file) => `wal/${newest.run}/${file}`).join(' ')],
    ]);
    return seconds;
  } finally {
    docker(['volume', 'rm', '--force', volume]);
  }
}

/** Waits until all that was committed before this call is safe. */
async function untilSafe({ invctl }) {
  const since = Date.now();
  for (;;) {
    const { windows } = JSON.parse((await invctl(['db', 'protect', 'status'])).printed).data;
    if (Date.parse(windows.at(-1)?.until ?? '') > since + 1000) return;
    await sleep(250);
  }
}

/**
 * The base backup and the restore of the last moment, beside a dump and its restore; and what the protection takes of
 * the app. The protection is on afterwards.
 *
 * @param bench.invctl runs invctl, and returns what `timed` does.
 * @param bench.baseline seconds of the dump and of its restore.
 */
export async function measureProtection(bench) {
  const { sql, invctl, baseline, rows } = bench;
  sql(`CREATE TABLE stock (item int PRIMARY KEY, quantity int NOT NULL);
       CREATE TABLE movements (id bigserial PRIMARY KEY, item int NOT NULL, quantity int NOT NULL, reason text,
         at timestamptz NOT NULL DEFAULT now());
       INSERT INTO stock SELECT i, 1000000 FROM generate_series(1, 5000) i; VACUUM ANALYZE; CHECKPOINT;`);
  const before = await issueThroughput(bench);
  await invctl(['db', 'protect', 'on', '--yes']);
  const [usedBefore, startedAt] = [cpuOf(bench, 'db-protect'), performance.now()];
  const during = await issueThroughput(bench);
  const cpu = (cpuOf(bench, 'db-protect') - usedBefore) / 1000 / (performance.now() - startedAt);
  const cost = (before - during) / before;
  const base = await invctl(['db', 'backup', '--base']);
  const incremental = [];
  // PostgreSQL 17 and later.
  if (sql(`SELECT current_setting('summarize_wal', true)`) === 'on') {
    sql('UPDATE lines SET quantity = quantity WHERE id % 100 = 0; CHECKPOINT;');
    const changes = await invctl(['db', 'backup', '--base']);
    const what = 'incremental base, 1 % of rows changed all over';
    incremental.push(rows.ratio(what, baseline.dump, changes.seconds, 0.15, 's'));
    sql(`UPDATE lines SET quantity = quantity WHERE id <= (SELECT max(id) / 100 FROM lines); CHECKPOINT;`);
    const together = await invctl(['db', 'backup', '--base']);
    const ends = 'incremental base, 1 % of rows changed together';
    incremental.push(rows.ratio(ends, baseline.dump, together.seconds, 0.15, 's'));
  }
  await untilSafe(bench);
  const bare = await bareRestore(bench);
  const restore = await invctl(['db', 'restore', '--to', 'latest', '--yes']);
  const { swapMs } = JSON.parse(restore.printed).data;
  await invctl(['db', 'restore', '--forget', '--confirm', bench.name]);
  return [
    rows.ratio('base backup, wall', baseline.dump, base.seconds, 0.5, 's'),
    ...incremental,
    rows.floor('base, WAL and server, unproved', baseline.restore, bare),
    rows.ratio('restore --to latest, ask to healthy', baseline.restore, restore.seconds, 0.35, 's'),
    `| nobody can connect during that swap | | ${(swapMs / 1000).toFixed(1)} s | | | |`,
    `| issues a second, ${CLIENTS} clients | ${before.toFixed(0)} | ${during.toFixed(0)} | ${(-cost * 100).toFixed(1)} % | ≥ −5 % | ${cost <= 0.05 ? 'ok' : 'MISSED'} |`,
    `| CPU of the receiver meanwhile | | ${(cpu * 100).toFixed(1)} % of a core | | | |`,
  ];
}

/**
 * Kills the database under load, removes its container and its volume, and brings the last moment back.
 * @returns a row: how many acknowledged commits were lost in all.
 */
export async function measureLoss({ compose, docker, sql, invctl, name, address }, kills) {
  let lost = 0;
  let acknowledged = 0;
  sql('DROP TABLE IF EXISTS lines; CREATE TABLE acknowledged (id text PRIMARY KEY)');
  for (let round = 0; round < kills; round += 1) {
    await untilSafe({ invctl });
    const load = acknowledgedLoad(address(), round);
    const wanted = 200 + Math.floor(Math.random() * 1500);
    while (load.count() < wanted) await sleep(5);
    compose(['kill', 'db']);
    const ids = await load.stop();
    acknowledged += ids.length;
    compose(['rm', '--force', 'db']);
    docker(['volume', 'rm', `${name}_pgdata`]);
    await invctl(['db', 'restore', '--to', 'latest', '--yes']);
    const there = new Set(sql(`SELECT id FROM acknowledged WHERE id LIKE '${round}-%'`).split('\n'));
    lost += ids.filter((id) => !there.has(id)).length;
    process.stderr.write(
      `killed ${round + 1} of ${kills}: ${ids.length} acknowledged, ${lost} lost so far\n`,
    );
  }
  return `| acknowledged commits lost, ${kills} times killed with the volume removed | | ${lost} of ${acknowledged} | | 0 | ${lost === 0 ? 'ok' : 'MISSED'} |`;
}

/**
 * As {@link measureLoss}, with the folder of the protection gone as well: what is left is what `db copy --follow` sent.
 *
 * @param bench.follow starts it with these arguments.
 * @param bench.removePlace removes the folder of the protection.
 * @param where where to, for the row.
 * @returns a row: how long before the end the first commit that was lost had been acknowledged.
 */
export async function measureCopyLoss(bench, kills, where) {
  const { compose, docker, sql, invctl, name, address, follow, removePlace } = bench;
  let [seconds, lost, acknowledged] = [0, 0, 0];
  for (let round = 0; round < kills; round += 1) {
    const follower = follow(['--take-over']);
    const since = Date.now();
    for (;;) {
      const { copy } = JSON.parse((await invctl(['db', 'protect', 'status'])).printed).data;
      if (Date.parse(copy?.covered ?? '') > since) break;
      await sleep(500);
    }
    const load = acknowledgedLoad(address(), `${where}-${round}`);
    await sleep(3000 + Math.random() * 10_000);
    follower.kill('SIGKILL');
    const end = Date.now();
    compose(['kill', 'db', 'db-protect']);
    const ids = (await load.stop()).filter((id) => load.acknowledgedAt(id) <= end);
    acknowledged += ids.length;
    compose(['rm', '--force', 'db', 'db-protect']);
    docker(['volume', 'rm', `${name}_pgdata`]);
    removePlace();
    await invctl(['db', 'restore', '--to', 'latest', '--yes']);
    const like = `${where}-${round}-%`;
    const there = new Set(sql(`SELECT id FROM acknowledged WHERE id LIKE '${like}'`).split('\n'));
    const missing = ids.filter((id) => !there.has(id));
    lost += missing.length;
    seconds = Math.max(seconds, ...missing.map((id) => (end - load.acknowledgedAt(id)) / 1000));
    process.stderr.write(
      `only the copy in ${where} is left, ${round + 1} of ${kills}: ${ids.length} acknowledged, ${missing.length} lost, the last ${seconds.toFixed(2)} s at most so far\n`,
    );
    await invctl(['db', 'protect', 'on', '--yes']);
  }
  return `| the same with the copies in ${where} alone left, ${kills} times | | ${lost} of ${acknowledged}: the last ${seconds.toFixed(1)} s | | ≤ 1 s | ${seconds <= 1 ? 'ok' : 'MISSED'} |`;
}
