import { readFileSync, statSync } from 'node:fs';
import { hostPath } from '../../../project/mounted-file.js';
import { defineCheck, type Finding } from '../../check.js';
import { firstStart, initFailure } from '../../first-start.js';

export const check = defineCheck({
  id: 'db.init-failed',
  chapter: 'connection',
  title: 'a script of the first start failed, and left the data half made',
  severity: 'fail',
  needs: ['config', 'docker'],
  requires: ['vol.permission', 'app.crlf'],
  why: 'The image runs such scripts once, when it makes the data. It ends at the first error, and with a restart policy it starts again with what is there: healthy, and without the rest.',
  docs: `What is mounted at \`/docker-entrypoint-initdb.d\` is run in the order of its names, when the data folder is new, with \`ON_ERROR_STOP\`. After an error nothing of it is ever run again, although the database looks healthy: its log says "Skipping initialization". Mend the file, and run what is missing by hand: \`invctl db exec FILE\`. It is a warning while the database is healthy, since somebody may have done so: the log of this container goes on telling of the error until the container is made anew.`,
  async probe(facts) {
    const { database } = facts;
    if (!database) return [];
    const [container] = await facts.containersOf(database.name);
    if (!container) return [];
    const failure = initFailure(await firstStart(facts, container));
    if (!failure) return [];
    const healthy = container.State.Status === 'running' && container.State.Health?.Status !== 'unhealthy';
    const file = hostPath(facts.project, database, failure.target);
    const shown = file === undefined ? failure.target : facts.shown(file);
    const line = failure.line ?? lineOfStatement(file, failure.statement);
    const finding: Finding = {
      ...(healthy ? { severity: 'warn' } : {}),
      message: `${shown} failed when "${database.name}" made its data: ${facts.mask(failure.message)}`,
      next: `mend ${shown}${line === undefined ? '' : `, line ${line}`}, then run what did not run:  ${/\.sql$/.test(shown) ? `invctl db exec ${shown}` : `invctl exec ${database.name} -- sh ${failure.target}`}      (the image runs it on a new volume alone)`,
      service: database.name,
      ...(file === undefined ? {} : { file }),
      ...(line === undefined ? {} : { line }),
    };
    return [finding];
  },
});

function lineOfStatement(file: string | undefined, statement: string | undefined): number | undefined {
  if (file === undefined || statement === undefined) return undefined;
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return undefined;
  const index = readFileSync(file, 'utf8')
    .split('\n')
    .findIndex((line) => line.includes(statement.trim()));
  return index < 0 ? undefined : index + 1;
}
