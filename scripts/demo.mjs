#!/usr/bin/env node
// The README's first command: an empty folder, a healthy stack with real inventory in it, and what to type next.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'bin/invctl.js');
const folder = 'demo';

function run(program, args, options = {}) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

function invctl(args) {
  console.log(`\n$ invctl ${args.join(' ')}`);
  run(process.execPath, [bin, ...args]);
}

function dockerAnswers() {
  return (
    spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], { stdio: 'ignore' }).status === 0
  );
}

/** What the demo of this clone was made with. */
function earlierOptions() {
  try {
    return JSON.parse(readFileSync(join(root, folder, '.invctl/lock.json'), 'utf8')).options;
  } catch {
    return {};
  }
}

/** The first free port from 5003 on. */
async function choosePort() {
  for (let port = 5003; port < 5103; port += 1) {
    const free = await new Promise((resolve) => {
      const server = createServer().once('error', () => resolve(false));
      server.listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error('no free port between 5003 and 5102');
}

run('npm', ['run', '--silent', 'build']);
const engine = dockerAnswers() ? 'docker' : 'embedded';
console.log(
  engine === 'docker'
    ? 'Docker answers: the demo runs in containers.'
    : 'Docker does not answer: the demo runs on the embedded engine, PostgreSQL and the API as processes of this machine.',
);
const earlier = earlierOptions();
// Data goes by the project's name, and outlives its folder: another clone's demo, or a deleted one's, is not ours.
const name = earlier.name ?? `demo-${randomBytes(3).toString('hex')}`;
invctl(['init', folder, '--yes', '--name', name, '--port', String(earlier.port ?? (await choosePort()))]);
invctl(['--engine', engine, '-C', folder, 'up']);

const { data } = JSON.parse(
  spawnSync(process.execPath, [bin, '--json', '--engine', engine, '-C', folder, 'ps'], {
    cwd: root,
  }).stdout.toString(),
);
const { url } = data.services.find((service) => service.url);
const login = await fetch(`${url}/api/v1/auth/login`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({
    username: 'admin',
    password: readFileSync(join(root, folder, 'secrets/admin_password.txt'), 'utf8'),
  }),
});
if (!login.ok) throw new Error(`login answered ${login.status}`);
const { access_token: token } = await login.json();
const headers = { authorization: `Bearer ${token}` };
let items = 0;
for (let cursor = ''; ; ) {
  const page = await (await fetch(`${url}/api/v1/items?limit=200${cursor}`, { headers })).json();
  items += page.data.length;
  if (!page.next_cursor) break;
  cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
}

console.log(`
Open ${url} in a browser: ${items.toLocaleString('en')} items of the sample inventory
(${folder}/stack/data/README.md names its source). Log in as admin; the password is in
${folder}/secrets/admin_password.txt. The documentation of the API is at ${url}/docs.

Or paste these, here in this folder:

TOKEN=$(printf '{"username":"admin","password":"%s"}' "$(cat ${folder}/secrets/admin_password.txt)" | curl -s ${url}/api/v1/auth/login -H 'content-type: application/json' -d @- | sed -E 's/.*"access_token":"([^"]+)".*/\\1/')
curl -s -H "Authorization: Bearer $TOKEN" '${url}/api/v1/items?limit=3'

Then: node bin/invctl.js -C ${folder} status      (and \`down\` to stop it; the data stays)`);
