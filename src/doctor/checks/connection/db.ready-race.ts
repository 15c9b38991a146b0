import { replaceScalar } from '../../../project/compose-text.js';
import { defineCheck, type FixStep } from '../../check.js';
import type { Facts } from '../../facts.js';
import { editService } from '../../fix/compose-edit.js';
import { healthCommand } from '../../health-command.js';
import { placeOf } from '../../reading.js';
import { isOfficialPostgres } from '../../roles.js';

export const check = defineCheck({
  id: 'db.ready-race',
  chapter: 'connection',
  title: 'the health check passes while the database initialises',
  severity: 'warn',
  requires: ['hc.command'],
  why: 'While it initialises, a temporary server answers on the local socket: the app starts, and is refused.',
  docs: `\`pg_isready\` and \`psql\` without a host ask the local socket. On the first start the image runs a temporary server that listens there only, creates the database, and stops it again. A check that asks over TCP (\`-h 127.0.0.1\`) passes only when the real server is there.`,
  probe(facts) {
    const { database } = facts;
    const test = database?.healthcheck?.disabled ? undefined : database?.healthcheck?.test;
    if (!database || !test || !isOfficialPostgres(database)) return [];
    const command = healthCommand(test);
    if (!/\b(pg_isready|psql)\b/.test(command) || asksOverTcp(command)) return [];
    // When no service waits for the database, all start at once anyway.
    const awaited = Object.values(facts.project.services).some(
      ({ dependsOn }) => dependsOn[database.name]?.condition === 'service_healthy',
    );
    if (!awaited) return [];
    return [
      {
        message: `the health check of "${database.name}" asks the local socket, not the network`,
        next: `add -h 127.0.0.1 to ${/pg_isready/.test(command) ? 'pg_isready' : 'psql'} in its test`,
        service: database.name,
        ...placeOf(facts.reading, 'services', database.name, 'healthcheck', 'test'),
        mend: () => askOverTcp(facts, database.name, test),
      },
    ];
  },
  fix: { safety: 'safe' },
});

function askOverTcp(facts: Facts, service: string, test: readonly string[]): Promise<FixStep[]> {
  return editService(facts, service, `ask over TCP in the health check of ${service}`, (text, path) => {
    const at = [...path, 'healthcheck', 'test'];
    const program = /(pg_isready|psql)$/;
    if (test[0] === 'CMD') {
      const index = test.findIndex((word) => program.test(word));
      const word = test[index];
      return word === undefined
        ? undefined
        : replaceScalar(text, [...at, index], `"${word}", "-h", "127.0.0.1"`);
    }
    const script = healthCommand(test).replace(/\b(pg_isready|psql)\b/, '$1 -h 127.0.0.1');
    const yaml = JSON.stringify(script.replaceAll('$', '$$$$'));
    return replaceScalar(text, [...at, 1], yaml) ?? replaceScalar(text, at, yaml);
  });
}

function asksOverTcp(command: string): boolean {
  return (
    /(^|\s)(-h|--host)[\s=]*\S/.test(command) ||
    /\bhost(addr)?=|postgres(ql)?:\/\/[^\s]*@?[\w.]+[:/]|PGHOST(ADDR)?=/.test(command)
  );
}
