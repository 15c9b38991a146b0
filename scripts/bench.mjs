#!/usr/bin/env node
// Speed as ratios: two commands in turn, A B A B …, on this machine in this run. Absolute times of a noisy machine
// say little; the median of the pairwise ratios says enough.
//
//   npm run bench                 all that this machine can run
//   npm run bench -- --runs 21    more pairs
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'bin/invctl.js');
const { values } = parseArgs({ options: { runs: { type: 'string', default: '15' } } });
const runs = Number(values.runs);
const rows = [];

function time([program, ...args], cwd) {
  const started = process.hrtime.bigint();
  const { status, stderr, error } = spawnSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  if (error || status !== 0) throw new Error(`${[program, ...args].join(' ')}: ${error ?? stderr}`);
  return seconds;
}

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
};
const ms = (seconds) => `${(seconds * 1000).toFixed(0)} ms`;

/** Times a and b in turn; `between` puts things back before each run. */
function compare(what, a, b, { cwd = root, pairs = runs, between = () => {}, goal, bCwd = cwd }) {
  const as = [];
  const bs = [];
  for (let i = -1; i < pairs; i += 1) {
    between();
    const timeA = time(a, cwd);
    between();
    const timeB = time(b, bCwd);
    if (i < 0) continue;
    as.push(timeA);
    bs.push(timeB);
  }
  const ratios = as.map((value, index) => value / bs[index]);
  rows.push([
    what,
    ms(median(as)),
    ms(median(bs)),
    median(ratios).toFixed(2),
    `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`,
    goal,
  ]);
}

function docker(args, cwd) {
  const result = spawnSync('docker', args, { cwd, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`docker ${args.join(' ')}: ${result.stderr}`);
  return result.stdout.trim();
}

compare('invctl --version / node -e 0', [process.execPath, bin, '--version'], [process.execPath, '-e', '0'], {
  goal: '≤ 1.3',
});

if (spawnSync('docker', ['version'], { stdio: 'ignore' }).status !== 0) {
  console.log('No Docker engine answers: the rest is left out.');
} else {
  const folder = mkdtempSync(join(tmpdir(), 'invctl-bench-'));
  const name = `invctl-bench-${process.pid}`;
  const seedFolder = join(folder, 'seed');
  const project = join(folder, 'shop');
  try {
    time([process.execPath, bin, 'init', project, '--name', name, '--port', '15931', '--yes'], folder);
    docker(['compose', 'build', '--quiet'], project);
    // The seed's health check: every 5 s, no faster start.
    spawnSync('cp', ['-r', project, seedFolder]);
    const seedFile = join(seedFolder, 'compose.yaml');
    writeFileSync(
      seedFile,
      readFileSync(seedFile, 'utf8')
        .replace(/interval: \d+s/g, 'interval: 5s')
        .replace(/^\s*start_(interval|period): .*\n/gm, '')
        .replace(
          /^( {4})(# The health check is the image's own.*)$/m,
          '$1healthcheck: { interval: 5s, timeout: 5s, retries: 5, start_period: 0s, start_interval: 0s }\n$1$2',
        ),
    );
    const down = () => docker(['compose', 'down', '--timeout', '5'], project);

    docker(['compose', 'up', '-d', '--wait'], project);
    compare('invctl ps / docker compose ps', [process.execPath, bin, 'ps'], ['docker', 'compose', 'ps'], {
      cwd: project,
      goal: '≤ 1.6',
    });
    const upPairs = Math.max(5, Math.floor(runs / 3));
    const up = [process.execPath, bin, 'up'];
    const composeUp = ['docker', 'compose', 'up', '-d', '--wait'];
    compare('invctl up / docker compose up -d --wait', up, composeUp, {
      cwd: project,
      pairs: upPairs,
      between: down,
      goal: '≤ 1.05 + 0.5 s',
    });
    compare("invctl up / the same with the seed's 5 s checks", up, composeUp, {
      cwd: project,
      bCwd: seedFolder,
      pairs: upPairs,
      between: down,
      goal: '≈ 0.5',
    });
    const size = (image) => Number(docker(['image', 'inspect', '--format', '{{.Size}}', image]));
    const image = size(`${name}-api`);
    const base = size('node:24-slim');
    rows.push([
      'image / its base',
      `${(image / 1e6).toFixed(0)} MB`,
      `${(base / 1e6).toFixed(0)} MB`,
      (image / base).toFixed(3),
      '',
      '≤ 1.12',
    ]);
  } finally {
    spawnSync('docker', ['compose', 'down', '--volumes', '--rmi', 'local', '--timeout', '2'], {
      cwd: project,
    });
    spawnSync('docker', ['image', 'rm', `${name}-api`]);
    rmSync(folder, { recursive: true, force: true });
  }
}

const header = ['', 'A', 'B', 'A / B', 'range', 'goal'];
const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column].length)));
for (const row of [header, ...rows])
  console.log(
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
