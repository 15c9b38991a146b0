import { defineCheck } from '../../check.js';
import { isEnvFileProblem } from '../../reading.js';

export const check = defineCheck({
  id: 'env.syntax',
  chapter: 'environment',
  title: 'an env file has a mistake',
  severity: 'fail',
  needs: ['files'],
  blocksUp: 'ENV_FILE_SYNTAX',
  why: 'Compose refuses the whole file, and with it the project.',
  docs: `One \`NAME=value\` a line. A name has no spaces; a quote that opens has to close. A \`#\` begins a comment after a space only. The finding names the line.`,
  probe(facts) {
    return facts.reading.problems.filter(isEnvFileProblem).map(({ message, hint, file, line }) => ({
      message,
      next: hint ?? 'write NAME=value, one a line',
      ...(file === undefined ? {} : { file }),
      ...(line === undefined ? {} : { line }),
    }));
  },
});
