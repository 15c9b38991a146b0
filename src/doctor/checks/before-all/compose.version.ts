import { readFileSync } from 'node:fs';
import { removeKey } from '../../../project/compose-text.js';
import { defineCheck } from '../../check.js';
import { editFile } from '../../fix/edit-file.js';

export const check = defineCheck({
  id: 'compose.version',
  chapter: 'before-all',
  title: 'the obsolete key `version:`',
  severity: 'info',
  needs: ['files'],
  requires: ['compose.parse'],
  why: 'Compose v2 ignores it and warns at every command; the format no longer has versions.',
  docs: `\`version: "3.8"\` was needed by docker-compose v1. Remove the line.`,
  probe(facts) {
    return facts.location.files.flatMap((file) => {
      const line = readFileSync(file, 'utf8')
        .split('\n')
        .findIndex((text) => /^version\s*:/.test(text));
      if (line < 0) return [];
      return [
        {
          message: '`version:` means nothing to Compose v2',
          next: 'remove the line',
          file,
          line: line + 1,
          mend: () =>
            editFile(facts, {
              file,
              summary: `remove \`version:\` from ${facts.shown(file)}`,
              change: (text) => removeKey(text, ['version']),
            }),
        },
      ];
    });
  },
  fix: { safety: 'safe' },
});
