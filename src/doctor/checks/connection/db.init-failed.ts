import { readFileSync, statSync } from 'node:fs';
import { hostPath } from '../../../project/mounted-file.js';
import { defineCheck, type Finding } from '../../check.js';
import { INIT_FOLDER } from '../../mounted-scripts.js';

/** The first start with its scripts is in the first minutes of a container's output. */
const FIRST_MS = 10 * 60_000;
const MOST_LINES = 2000;

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
    const target = ({ target: path }: { target: string }) => path.startsWith(INIT_FOLDER);
    if (!database || (!database.build && !database.mounts.some(target))) return [];
    const [container] = await facts.containersOf(database.name);
    if (!container) return [];
    const failure = initFailure(await facts.docker.firstLogs(container, FIRST_MS, MOST_LINES));
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

interface InitFailure {
  /** Path of the file in the container. */
  target: string;
  message: string;
  /** 1-based, in the file. */
  line?: number;
  /** As the server logged it. */
  statement?: string;
}

/** The first error between a script's start and the end of the first start. Exported for its tests. */
export function initFailure(lines: readonly string[]): InitFailure | undefined {
  let target: string | undefined;
  for (const [index, line] of lines.entries()) {
    const started = /docker-entrypoint\.sh: (?:running|sourcing) (\/docker-entrypoint-initdb\.d\/\S+)/.exec(
      line,
    )?.[1];
    target = started ?? target;
    // The scripts are behind it: whatever fails from here on is no script's.
    if (/init process complete|Skipping initialization/.test(line)) return undefined;
    if (target === undefined) continue;
    const psql = /psql:(\/docker-entrypoint-initdb\.d\/\S+?):(\d+): (?:ERROR|FATAL): +(.*)/.exec(line);
    if (psql) return { target: psql[1] as string, line: Number(psql[2]), message: `ERROR: ${psql[3]}` };
    const server = /\b(ERROR|FATAL|PANIC): +(.*)/.exec(line);
    if (server && hasEnded(lines, index)) {
      const statement = /STATEMENT: +(.*)/.exec(lines.slice(index + 1, index + 4).join('\n'))?.[1];
      return { target, message: `${server[1]}: ${server[2]}`, ...(statement ? { statement } : {}) };
    }
    const shell =
      /docker-entrypoint-initdb\.d\/\S+?: (?:line \d+: )?(.*(?:not found|[Pp]ermission denied|[Ss]yntax error|bad interpreter|unbound variable).*)/.exec(
        line,
      );
    if (shell) {
      const at = /: line (\d+): /.exec(line)?.[1];
      return { target, message: shell[1] as string, ...(at === undefined ? {} : { line: Number(at) }) };
    }
  }
  return undefined;
}

/** An error that a script caught itself is none: the start went on to its end. */
function hasEnded(lines: readonly string[], index: number): boolean {
  const rest = lines.slice(index + 1);
  const complete = rest.findIndex((line) => /init process complete/.test(line));
  const skipped = rest.findIndex((line) => /Skipping initialization/.test(line));
  return complete < 0 || (skipped >= 0 && skipped < complete);
}

function lineOfStatement(file: string | undefined, statement: string | undefined): number | undefined {
  if (file === undefined || statement === undefined) return undefined;
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return undefined;
  const index = readFileSync(file, 'utf8')
    .split('\n')
    .findIndex((line) => line.includes(statement.trim()));
  return index < 0 ? undefined : index + 1;
}
