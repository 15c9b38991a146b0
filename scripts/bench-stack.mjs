// Speed where it is deployed: a scaffold in its containers, beside a peer in FastAPI (scripts/bench-stack/peer.py) in the
// same networks, on the same database and tables, with the same limits and log driver. wrk asks both in turn, from a
// container. Rates of a noisy machine say little; ratios of one run, and CPU a request by cgroup, say enough.
//
//   npm run bench:stack
//   npm run bench:stack -- --no-limits                   each container may use the whole machine
//   npm run bench:stack -- --only issue --rounds 5       one of point, list, issue
//   npm run bench:stack -- --before IMAGE                an API of another build as well, to see what a change brought
//   npm run bench:stack -- --protect                     what db protect takes of the issues, in place of the peer
//
// Needs Docker, and Debian's packages for the image of the peer.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '32' },
    items: { type: 'string', default: '20000' },
    postgres: { type: 'string', default: '16' },
    only: { type: 'string' },
    before: { type: 'string' },
    protect: { type: 'boolean', default: false },
    'no-limits': { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const items = Number(values.items);

/** What is asked, and the goals: times the peer's rate, and parts of its CPU a request, the database's included. */
const OPERATIONS = [
  { operation: 'point', name: 'point read', faster: 2.5, cpu: 0.5 },
  { operation: 'list', name: 'list of 50', faster: 2.0, cpu: 0.6 },
  { operation: 'issue', name: 'one-line issue', faster: 1.3, cpu: 0.9 },
].filter(({ operation }) => !values.protect && (values.only === undefined || values.only === operation));
const CONTESTANTS = ['api', 'peer', ...(values.before ? ['before'] : [])];
const WARM_UP_SECONDS = 3;
const QUANTITY = 1_000_000_000;

const bin = fileURLToPath(new URL('../bin/invctl.js', import.meta.url));
const peer = fileURLToPath(new URL('./bench-stack/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'invctl-bench-stack-'));
const project = join(folder, 'shop');
const name = `invctl-bench-stack-${process.pid}`;

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interrupted.abort());

/** @returns what the program printed; an interruption ends it. */
async function run(program, args, { input, ...options } = {}) {
  const running = promisify(execFile)(program, args, {
    cwd: project,
    maxBuffer: 64 * 1024 * 1024,
    signal: interrupted.signal,
    ...options,
  });
  running.child.stdin.end(input);
  return (await running).stdout.trim();
}

/** Runs docker in a process group of its own, so that another Ctrl-C does not end it. */
const finish = (args, cwd) =>
  once(spawn('docker', args, { cwd, detached: true, stdio: 'ignore' }), 'close').catch(() => {});

const compose = (args, options) => run('docker', ['compose', ...args], options);
const sql = (statement) =>
  compose(['exec', '-T', 'db', 'psql', '-U', 'postgres', '-d', 'inventory_manager', '-XqAt'], {
    input: statement,
  });

/** What the peer, the load and an API of another build need; Compose reads it beside the scaffold's own file. */
function overlay() {
  /** As the scaffold has its API. */
  const asTheApi = [
    'init: true',
    'read_only: true',
    'tmpfs: [/tmp]',
    'cap_drop: [ALL]',
    'security_opt: ["no-new-privileges:true"]',
    'logging: { driver: json-file, options: { max-size: 10m, max-file: "5" } }',
    'deploy: { resources: { limits: { cpus: "1.0", memory: 512m, pids: 128 } } }',
  ].join('\n    ');
  return `services:
  peer:
    build: ${JSON.stringify(peer)}
    depends_on: { db: { condition: service_healthy } }
    env_file: ./stack/.env
    environment: { DATABASE_HOST: db, DATABASE_NAME: inventory_manager, DATABASE_USER: postgres }
    secrets: [db_password]
    networks: [frontend, backend]
    ${asTheApi}
  load:
    image: ${name}-peer
    depends_on: [peer]
    command: [sleep, infinity]
    environment: { TOKEN: "" }
    networks: [frontend]
    init: true
${
  values.before
    ? `  before:
    image: ${JSON.stringify(values.before)}
    depends_on: { db: { condition: service_healthy } }
    env_file: ./stack/.env
    environment: { DATABASE_HOST: db, DATABASE_NAME: inventory_manager, DATABASE_USER: postgres, HOST: 0.0.0.0 }
    secrets: [db_password, admin_password]
    networks: [frontend, backend]
    ${asTheApi}
`
    : ''
}`;
}

/** Reads from the Engine API, over the socket that DOCKER_HOST names. */
function engine(path) {
  const socketPath = (process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '');
  return new Promise((resolve, reject) => {
    const asked = request(
      { socketPath, path, host: 'docker', signal: interrupted.signal },
      async (answer) => {
        let text = '';
        for await (const chunk of answer) text += chunk;
        if (answer.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`${path}: ${text}`));
      },
    );
    asked.once('error', reject).end();
  });
}

/** Microseconds of CPU that a container has used: what cgroup says, version 1 or 2. */
async function cpuOf(container) {
  const { cpu_stats } = await engine(`/containers/${container}/stats?stream=false&one-shot=true`);
  return cpu_stats.cpu_usage.total_usage / 1000;
}

async function login(port) {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      username: 'admin',
      password: readFileSync(join(project, 'secrets/admin_password.txt'), 'utf8').trim(),
    }),
    signal: interrupted.signal,
  });
  if (answer.status !== 200) throw new Error(`login: ${answer.status} ${await answer.text()}`);
  return (await answer.json()).access_token;
}

async function seed(port, token) {
  let csv = 'sku,name,unit,unit_price,quantity,reorder_point\n';
  for (let row = 0; row < items; row += 1) {
    const sku = `SKU-${String(row).padStart(7, '0')}`;
    csv += `${sku},THING ${row % 997} OF COLOUR ${row % 13},each,${row % 90}.50,${QUANTITY},5\n`;
  }
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/imports`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv', authorization: `Bearer ${token}` },
    body: csv,
    signal: interrupted.signal,
  });
  if (answer.status !== 201) throw new Error(`import: ${answer.status} ${await answer.text()}`);
  await sql('VACUUM ANALYZE');
  const [count, lowest] = (await sql('SELECT count(*), min(id) FROM items')).split('|').map(Number);
  if (count !== items || lowest !== 1) throw new Error(`${count} items from ${lowest} on`);
}

/** Asks for `duration` seconds. @returns what wrk counted; anything but success is an error. */
async function load(contestant, operation, duration, token) {
  const printed = await compose(
    [
      ...[
        'exec',
        '-T',
        '-e',
        'TOKEN',
        'load',
        'wrk',
        '-t',
        '1',
        '-c',
        values.connections,
        '--timeout',
        '20s',
      ],
      ...[
        '-d',
        `${duration}s`,
        '-s',
        'load.lua',
        `http://${contestant}:5003`,
        '--',
        operation,
        String(items),
      ],
    ],
    { env: { ...process.env, TOKEN: token } },
  );
  const counted = JSON.parse(printed.split('\n').at(-1));
  if (counted.failed > 0 || counted.requests === 0)
    throw new Error(`${contestant}, ${operation}: ${printed}`);
  return counted;
}

/** One round: rate, bytes an answer, and microseconds of CPU a request. */
async function measure(contestant, operation, containers, token) {
  const walBefore = Number(await sql("SELECT pg_current_wal_lsn() - '0/0'"));
  const own = await cpuOf(containers[contestant]);
  const database = await cpuOf(containers.db);
  const counted = await load(contestant, operation, seconds, token);
  const [ownAfter, databaseAfter] = [await cpuOf(containers[contestant]), await cpuOf(containers.db)];
  const wal = Number(await sql("SELECT pg_current_wal_lsn() - '0/0'")) - walBefore;
  const { requests } = counted;
  return {
    perSecond: requests / counted.seconds,
    bytes: counted.bytes / requests,
    p99: counted.p99,
    own: (ownAfter - own) / requests,
    database: (databaseAfter - database) / requests,
    cpu: (ownAfter - own + databaseAfter - database) / requests,
    wal: wal / requests,
  };
}

/** With the receiver, once it has what was written meanwhile; or as if there were none. */
async function switchReceiver(on) {
  await compose([on ? 'start' : 'stop', 'db-protect']);
  const behind = () =>
    sql(`SELECT coalesce(min(pg_current_wal_lsn() - flush_lsn), 'Infinity') FROM pg_stat_replication
          WHERE state = 'streaming'`);
  while (on && Number(await behind()) > 65536) await sleep(200, undefined, { signal: interrupted.signal });
}

/** @returns what a protected project has of the issues of one that is not, for as much CPU. */
async function measureProtection(containers, token) {
  await run(process.execPath, [bin, 'db', 'protect', 'on', '--yes']);
  const receiver = await compose(['ps', '--quiet', 'db-protect']);
  const measured = { off: [], on: [] };
  const receiving = [];
  for (let round = 1; round <= rounds; round += 1) {
    say(`issues without and with db protect: round ${round} of ${rounds} …`);
    // Whoever is first has the smaller tables.
    for (const state of round % 2 ? ['off', 'on'] : ['on', 'off']) {
      await switchReceiver(state === 'on');
      await load('api', 'issue', WARM_UP_SECONDS, token);
      const before = await cpuOf(receiver).catch(() => 0);
      const started = performance.now();
      measured[state].push(await measure('api', 'issue', containers, token));
      const used = (await cpuOf(receiver).catch(() => 0)) - before;
      if (state === 'on') receiving.push(used / 1000 / (performance.now() - started));
    }
  }
  const rate = median(measured.on.map((one, index) => one.perSecond / measured.off[index].perSecond));
  return {
    rows: Object.entries(measured).map(([state, each]) =>
      row(`one-line issue, db protect ${state}`, 'api', middle(each), true),
    ),
    result:
      `one-line issue with db protect on: ${rate.toFixed(2)} × the requests/s of off (goal ≥ 0.95: ${verdict(rate >= 0.95)}), ` +
      `CPU of the receiver ${(median(receiving) * 100).toFixed(0)} % of a core`,
  };
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** The median of each figure. */
const middle = (measured) =>
  Object.fromEntries(Object.keys(measured[0]).map((key) => [key, median(measured.map((one) => one[key]))]));

const row = (what, contestant, figures, writes) => [
  what,
  contestant,
  figures.perSecond.toFixed(0),
  figures.p99.toFixed(1),
  figures.own.toFixed(0),
  figures.database.toFixed(0),
  figures.bytes.toFixed(0),
  writes ? figures.wal.toFixed(0) : '',
];

function print(rows) {
  const header = ['', '', 'requests/s', 'p99 ms', 'CPU µs: own', 'database', 'bytes', 'WAL'];
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((row) => (row[column] ?? '').length)));
  for (const row of lines) {
    const cells = row.map((cell, column) =>
      column > 1 ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
    );
    console.log(cells.join('  ').trimEnd());
  }
}

const verdict = (met) => (met ? 'ok' : 'MISSED');
const say = (text) => process.stderr.write(`${text}\n`);

try {
  say('making the project and its images …');
  await run(
    process.execPath,
    [bin, 'init', project, '--name', name, '--postgres', values.postgres, '--yes'],
    {
      cwd: folder,
    },
  );
  // Its own items alone, each with more stock than a round issues.
  appendFileSync(
    join(project, 'stack/.env'),
    '\nRATE_LIMIT_PER_MINUTE=100000000\nINVENTORY_CSV_FILEPATH=data/none.csv\n',
  );
  writeFileSync(join(project, 'compose.override.yaml'), overlay());
  await run(process.execPath, [bin, 'up', '--timeout', '300']);
  const containers = Object.fromEntries(
    await Promise.all(
      ['db', ...CONTESTANTS].map(async (service) => [service, await compose(['ps', '--quiet', service])]),
    ),
  );
  if (values['no-limits']) {
    const whole = ['update', '--cpus', String(availableParallelism()), ...Object.values(containers)];
    await run('docker', whole);
  }
  const port = (await compose(['port', 'api', '5003'])).split(':').at(-1);
  const token = await login(port);
  await seed(port, token);

  const rows = [];
  const results = [];
  for (const { operation, name: what, faster, cpu } of OPERATIONS) {
    const measured = Object.fromEntries(CONTESTANTS.map((contestant) => [contestant, []]));
    for (const contestant of CONTESTANTS) await load(contestant, operation, WARM_UP_SECONDS, token);
    for (let round = 1; round <= rounds; round += 1) {
      say(`${what}: round ${round} of ${rounds} …`);
      for (const contestant of CONTESTANTS) {
        measured[contestant].push(await measure(contestant, operation, containers, token));
        await sleep(500, undefined, { signal: interrupted.signal });
      }
    }
    const ratio = (key, other) =>
      median(measured.api.map((one, index) => one[key] / measured[other][index][key]));
    for (const contestant of CONTESTANTS) {
      const figures = middle(measured[contestant]);
      rows.push(row(contestant === 'api' ? what : '', contestant, figures, operation === 'issue'));
    }
    const [rate, work] = [ratio('perSecond', 'peer'), ratio('cpu', 'peer')];
    results.push(
      `${what}: ${rate.toFixed(2)} × the peer's requests/s (goal ≥ ${faster}: ${verdict(rate >= faster)}), ` +
        `${work.toFixed(2)} of its CPU a request, database included (goal ≤ ${cpu}: ${verdict(work <= cpu)})`,
    );
    if (values.before) {
      results.push(
        `  beside ${values.before}: ${ratio('perSecond', 'before').toFixed(2)} × its requests/s, ` +
          `${ratio('cpu', 'before').toFixed(2)} of its CPU a request`,
      );
    }
  }
  if (values.protect) {
    const protection = await measureProtection(containers, token);
    rows.push(...protection.rows);
    results.push(protection.result);
  }
  const limits = values['no-limits'] ? 'no CPU limits' : "the scaffold's CPU limits";
  console.log(
    `${values.connections} connections, ${items} items, ${rounds} rounds of ${seconds} s in turn, PostgreSQL ${values.postgres}, ${limits}\n`,
  );
  print(rows);
  console.log(`\n${results.join('\n')}`);
} catch (error) {
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
  if (!interrupted.signal.aborted) say(error.stderr || error.stack);
} finally {
  say('removing the project …');
  await finish(['compose', 'down', '--volumes', '--rmi', 'local', '--timeout', '2'], project);
  await finish(['image', 'rm', `${name}-api`], folder);
  rmSync(folder, { recursive: true, force: true });
}
