import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { ComposeService } from '../../../project/model.js';
import { defineCheck } from '../../check.js';
import { dockerfileOf } from '../../dockerfile.js';
import type { Facts } from '../../facts.js';
import { editFile } from '../../fix/edit-file.js';

export const check = defineCheck({
  id: 'app.crlf',
  chapter: 'runtime',
  title: 'a script has Windows line ends',
  severity: 'fail',
  needs: ['config'],
  why: 'The kernel looks for the interpreter "sh\\r", which is not there: "no such file or directory".',
  docs: `An editor or git on Windows wrote CR LF. \`git ls-files --eol\` shows it. Convert the file (\`sed -i 's/\\r$//' FILE\`) and keep it so: \`*.sh text eol=lf\` in \`.gitattributes\`. The check looks at scripts that an image starts with, or that are mounted for PostgreSQL's initialisation.`,
  probe(facts) {
    return crlfScripts(facts).map(({ service, file }) => ({
      message: `${facts.shown(file)} has Windows line ends (CRLF)`,
      next: `sed -i 's/\\r$//' '${facts.shown(file)}'      (then: invctl build)`,
      service,
      file,
      line: 1,
    }));
  },
  fix: {
    safety: 'safe',
    async plan(facts) {
      const files = [...new Set(crlfScripts(facts).map(({ file }) => file))];
      const steps = files.map((file) =>
        editFile(facts, {
          file,
          summary: `convert ${facts.shown(file)} to LF line ends`,
          change: (text) => text.replaceAll('\r\n', '\n'),
        }),
      );
      return (await Promise.all(steps)).flat().map(({ summary, apply }) => ({ summary, apply }));
    },
  },
});

function crlfScripts(facts: Facts): { service: string; file: string }[] {
  return Object.values(facts.project.services).flatMap((service) =>
    scriptsOf(service).flatMap((file) => (hasCrlfShebang(file) ? [{ service: service.name, file }] : [])),
  );
}

/** Files of this machine that the container executes, as far as the Dockerfile and mounts tell. */
function scriptsOf(service: ComposeService): string[] {
  const scripts = new Set<string>();
  for (const { type, source, target } of service.mounts) {
    if (type === 'bind' && source && /\.sh$|docker-entrypoint-initdb\.d\/[^/]+$/.test(target))
      scripts.add(source);
  }
  const context = service.build?.context;
  const dockerfile = dockerfileOf(service);
  if (context && isAbsolute(context) && dockerfile) {
    for (const { keyword, words } of dockerfile.lastStage) {
      const named = keyword === 'COPY' || keyword === 'ADD' ? words.slice(0, -1) : [];
      for (const word of named) scripts.add(join(context, word));
    }
  }
  return [...scripts];
}

function hasCrlfShebang(file: string): boolean {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats?.isFile() || stats.size > 1_000_000) return false;
  return /^#![^\n]*\r\n/.test(readFileSync(file, 'latin1'));
}
