import { HOST_ERRORS } from '../../../system/ssh/explain.js';
import { defineCheck } from '../../check.js';
import { engineFinding } from '../../engine-findings.js';

export const check = defineCheck({
  id: 'engine.unreachable',
  chapter: 'before-all',
  title: 'the Docker engine does not answer, or is not installed',
  severity: 'fail',
  needs: ['host'],
  blocksUp: 'ENGINE_UNREACHABLE',
  why: 'Without it nothing of the stack can run on Docker; only files can be checked.',
  docs: `The daemon is stopped, \`DOCKER_HOST\` or the docker context points elsewhere, or docker is not installed. \`docker version\` shows what the client tries. Start it with \`sudo systemctl start docker\`, or use \`invctl --engine embedded\`, which needs no Docker. In a project that never ran on Docker this is information, no failure.`,
  probe: (facts) =>
    engineFinding(facts, 'ENGINE_UNREACHABLE', 'ENGINE_MISSING', 'PROGRAM_NOT_EXECUTABLE', ...HOST_ERRORS),
});
