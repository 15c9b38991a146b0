import { existsSync } from 'node:fs';
import { defineCheck, type Finding, type FixStep } from '../../check.js';
import { fromExample } from '../../env-example.js';
import { exampleBeside, readValues } from '../../env-files.js';
import type { Facts } from '../../facts.js';
import { editFile } from '../../fix/edit-file.js';
import { nameList } from '../../name-list.js';
import { missingEnvFile } from '../../reading.js';

export const check = defineCheck({
  id: 'env.missing',
  chapter: 'environment',
  title: 'an env file is not there',
  severity: 'fail',
  needs: ['files'],
  blocksUp: 'ENV_FILE_MISSING',
  why: 'Compose refuses to start a service whose env file is missing; it is not in git, so a clone has none.',
  docs: `Make it from its example: \`cp stack/.env.example stack/.env\`, and replace the placeholders. \`invctl init\` and \`invctl doctor --fix\` do both: secrets that the example holds a placeholder for are generated.`,
  probe(facts) {
    const listed = facts.reading.problems.flatMap((problem): Finding[] => {
      const missing = missingEnvFile(problem);
      if (missing === undefined) return [];
      const example = exampleBeside(facts, missing);
      const byHand = `make ${facts.shown(missing)}, or set \`required: false\` on its entry`;
      return [
        {
          message: `the env file ${facts.shown(missing)} is not there`,
          next: example ? `invctl doctor --fix      (makes it from ${facts.shown(example)})` : byHand,
          nextByHand: byHand,
          ...(problem.file === undefined || problem.file === missing ? {} : { file: problem.file }),
          ...(problem.line === undefined ? {} : { line: problem.line }),
          ...(example ? { mend: () => makeFromExample(facts, missing, example) } : {}),
        },
      ];
    });
    return [...listed, ...missingDotEnv(facts)];
  },
  fix: { safety: 'safe' },
});

function makeFromExample(facts: Facts, file: string, example: string): Promise<FixStep[]> {
  return editFile(facts, {
    file,
    summary: `make ${facts.shown(file)} from ${facts.shown(example)}, its secrets generated`,
    mode: 0o600,
    change: (text) => (text === '' ? fromExample(example) : undefined),
  });
}

/**
 * Compose reads `.env` without being told: it is missing when the files use variables that only its example
 * sets.
 */
function missingDotEnv(facts: Facts): Finding[] {
  const unset = new Set(facts.reading.notes.unset.map(({ name }) => name));
  return facts.reading.location.envFiles.length > 0
    ? []
    : envFilesBeside(facts).flatMap(({ file, example }) => {
        const wanted = [...(readValues(example)?.keys() ?? [])].filter((name) => unset.has(name));
        if (wanted.length === 0) return [];
        return [
          {
            message: `there is no ${facts.shown(file)}, and ${nameList(wanted)} of the compose file become empty`,
            next: `invctl doctor --fix      (makes it from ${facts.shown(example)})`,
            nextByHand: `make ${facts.shown(file)} as ${facts.shown(example)} has it`,
            file,
            mend: () => makeFromExample(facts, file, example),
          },
        ];
      });
}

function envFilesBeside(facts: Facts): { file: string; example: string }[] {
  const file = `${facts.location.directory}/.env`;
  const example = exampleBeside(facts, file);
  return example && !existsSync(file) ? [{ file, example }] : [];
}
