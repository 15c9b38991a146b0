import type { UserError } from '../../../errors.js';
import { defineCheck, type Finding } from '../../check.js';
import { isEnvFileProblem } from '../../reading.js';

/** Problems that `env.missing` and `env.required` report. */
const ELSEWHERE = new Set(['ENV_FILE_MISSING', 'VARIABLE_REQUIRED']);

export const check = defineCheck({
  id: 'compose.parse',
  chapter: 'before-all',
  title: 'the compose file is not valid',
  severity: 'fail',
  needs: ['files'],
  requires: ['upgrade.conflict', 'env.missing', 'env.syntax', 'env.required'],
  blocksUp: 'COMPOSE_INVALID',
  why: 'Compose refuses the whole project until this is mended; nothing starts.',
  docs: `A tab where spaces belong, a key twice, a key that Compose does not know, a wrong type, a reference to something that is not defined. The finding names file and line. \`docker compose config\` shows what Compose itself says.`,
  async probe(facts) {
    const { problems, project } = facts.reading;
    const refused = problems
      .filter((problem) => !ELSEWHERE.has(problem.code) && !isEnvFileProblem(problem))
      .map(findingOf);
    if (problems.length > refused.length && refused.length === 0) return [];
    const docker = await facts.survey();
    if (!docker || (await docker.versions()).compose === undefined) return refused;
    const config = await docker.config();
    // Compose decides: a project that it accepts is valid.
    if ('json' in config) return [];
    if (refused.length > 0 || !project) return refused;
    return [
      {
        message: `Compose refuses the project: ${facts.mask(config.complaint.trim().split('\n').at(-1) ?? '')}`,
        next: 'docker compose config',
        file: facts.location.files[0] as string,
      },
    ];
  },
});

function findingOf({ message, hint, file, line }: UserError): Finding {
  return {
    message,
    next: hint ?? 'docker compose config',
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
  };
}
