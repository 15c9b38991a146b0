import { readFileSync } from 'node:fs';
import { mergeEnvFile } from '../../../template/merge.js';
import { defineCheck } from '../../check.js';
import { fromExample } from '../../env-example.js';
import { envFiles, readValues } from '../../env-files.js';
import type { Facts } from '../../facts.js';
import { editFile } from '../../fix/edit-file.js';

export const check = defineCheck({
  id: 'env.drift',
  chapter: 'environment',
  title: 'an env file lacks keys that its example has',
  severity: 'warn',
  requires: ['env.missing', 'env.syntax'],
  why: 'The example tells what the app reads: it was extended, and this copy was not.',
  docs: `After a \`git pull\`, compare: \`invctl env diff\`. \`invctl doctor --fix\` adds what is missing, with the comments of the example; nothing that is there is changed.`,
  probe(facts) {
    return drifted(facts).map(({ file, example, names }) => ({
      message: `${facts.shown(file)} lacks ${names.join(', ')}, which ${facts.shown(example)} has`,
      next: 'invctl doctor --fix      (adds them)',
      file,
    }));
  },
  fix: {
    safety: 'safe',
    async plan(facts) {
      const steps = drifted(facts).map(({ file, example, names }) => {
        const filled = fromExample(example);
        return editFile(facts, {
          file,
          summary: `add ${names.join(', ')} to ${facts.shown(file)}`,
          change: (text) => mergeEnvFile(filled, text, namesOf(file)).content,
        });
      });
      return (await Promise.all(steps)).flat();
    },
  },
});

function drifted(facts: Facts): { file: string; example: string; names: string[] }[] {
  return envFiles(facts).flatMap(({ file, example }) => {
    if (!example || !readValues(file)) return [];
    const text = readFileSync(file, 'utf8');
    const { added } = mergeEnvFile(readFileSync(example, 'utf8'), text, namesOf(file));
    return added.length > 0 ? [{ file, example, names: added }] : [];
  });
}

function namesOf(file: string): Set<string> {
  return new Set(readValues(file)?.keys());
}
