import { defineCheck } from '../../check.js';
import { causeInLogs } from '../../log-causes.js';
import { stateInWords } from '../../states.js';

export const check = defineCheck({
  id: 'db.unhealthy',
  chapter: 'connection',
  title: 'the database is not running or not healthy',
  severity: 'fail',
  needs: ['engine'],
  requires: [
    'compose.parse',
    'db.uninitialised',
    'db.both-set',
    'db.major',
    'db.pg18-path',
    'secret.missing',
    'secret.directory',
    'secret.empty',
    'secret.unlisted',
    'secret.unreadable',
    'disk.full',
    'hc.command',
    'app.oom',
    'port.in-use',
    'port.container',
    'vol.path',
    'vol.permission',
    'app.crlf',
    'db.init-failed',
    'external.missing',
    'name.conflict',
    'vol.selinux',
  ],
  why: 'Nobody can connect to it, and what waits for it does not start.',
  docs: `The database's container has ended, keeps restarting, or fails its health check. \`invctl logs db --tail 50\` shows what the server says, \`invctl inspect db\` what the check printed. Most causes have a check of their own; this one shows the evidence where none of them fits.`,
  async probe(facts) {
    if (!facts.database) return { skip: 'no service of this project is the PostgreSQL' };
    const { name } = facts.database;
    const status = (await facts.status()).find((one) => one.name === name);
    if (!status) return [];
    const ended = status.state === 'exited' && status.exitCode === 0;
    const bad = status.health === 'unhealthy' || !['running', 'created', 'absent'].includes(status.state);
    if (!bad || ended) return [];
    const lines = await facts.logs(name);
    const health = facts.mask(status.healthOutput ?? '');
    const cause = causeInLogs(facts, lines, health);
    const evidence = health.split('\n').at(-1) || lines.filter((line) => line.trim() !== '').at(-1);
    return [
      {
        message: `${stateInWords(status)}${cause ? `: ${cause.message}` : ''}`,
        ...(evidence && !cause ? { why: `It says: ${evidence.slice(0, 200)}` } : {}),
        next: cause?.next ?? `invctl logs ${name} --tail 50`,
        service: name,
      },
    ];
  },
});
