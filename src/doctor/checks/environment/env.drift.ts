import { readFileSync } from 'node:fs';
import { mergeEnvFile } from '../../../template/merge.js';
import { defineCheck } from '../../check.js';
import { fromExample } from '../../env-example.js';
import { envFiles, readStatements, readValues } from '../../env-files.js';
import type { Facts } from '../../facts.js';
import { editFile } from '../../fix/edit-file.js';
import { nameList } from '../../name-list.js';

export const check = defineCheck({
  id: 'env.drift',
  chapter: 'environment',
  title: 'an env file lacks keys that its example has',
  severity: 'warn',
  requires: ['env.missing', 'env.syntax'],
  why: 'The example tells what the app reads: it was extended, and this copy was not.',
  docs: `After a \`git pull\`, compare: \`invctl env diff\`. \`invctl doctor --fix\` adds what is missing, with the comments of the example; nothing that is there is changed. Keys that are empty in the example too are information.`,
  probe(facts) {
    return drifted(facts).map(({ file, example, names, optional }) => ({
      message: `${facts.shown(file)} lacks ${nameList(names)}, which ${facts.shown(example)} has`,
      ...(optional
        ? {
            severity: 'info' as const,
            why: 'The example has no value for them either: the app may well do without.',
          }
        : {}),
      next: 'invctl doctor --fix      (adds them)',
      nextByHand: `add ${nameList(names)} to ${facts.shown(file)}`,
      file,
      mend: () => {
        const filled = fromExample(example);
        return editFile(facts, {
          file,
          summary: `add ${nameList(names)} to ${facts.shown(file)}`,
          change: (text) => mergeEnvFile(filled, text, namesOf(file)).content,
        });
      },
    }));
  },
  fix: { safety: 'safe' },
});

interface Drift {
  file: string;
  example: string;
  names: string[];
  /** True: the example gives none of the names a value. */
  optional: boolean;
}

function drifted(facts: Facts): Drift[] {
  return envFiles(facts).flatMap(({ file, example }) => {
    const own = readStatements(file);
    const examples = example && readValues(example);
    if (!own || !examples) return [];
    const { added } = mergeEnvFile(readFileSync(example, 'utf8'), own.text, namesOf(file));
    if (added.length === 0) return [];
    return [{ file, example, names: added, optional: added.every((name) => !examples.get(name)?.value) }];
  });
}

function namesOf(file: string): Set<string> {
  return new Set(readStatements(file)?.statements.map(({ name }) => name));
}
