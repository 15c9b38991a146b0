import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { ComposeService } from '../../../project/model.js';
import { defineCheck, type FixStep } from '../../check.js';
import { dockerfileOf } from '../../dockerfile.js';
import type { Facts } from '../../facts.js';
import { editFile } from '../../fix/edit-file.js';
import { initPaths, startedScripts } from '../../mounted-scripts.js';

export const check = defineCheck({
  id: 'app.crlf',
  chapter: 'runtime',
  title: 'a script has Windows line ends',
  severity: 'fail',
  needs: ['config'],
  why: 'The kernel looks for the interpreter "sh\\r", which is not there: "no such file or directory".',
  docs: `An editor or git on Windows wrote CR LF. \`git ls-files --eol\` shows it. Convert the file (\`sed -i 's/\\r$//' FILE\`) and keep it so: \`*.sh text eol=lf\` in \`.gitattributes\`. The check looks at scripts that an image starts with, at mounted ones that the service starts with, and at those that are mounted for PostgreSQL's initialisation, each or as a folder. Of the latter a \`.sh\` that is not executable is read by the image's own shell, so that there each line counts, and not the first alone.`,
  probe(facts) {
    return crlfScripts(facts).map(({ service, file, line, built }) => ({
      message: `${facts.shown(file)} has Windows line ends (CRLF)`,
      next: `sed -i 's/\\r$//' ${facts.argument(file)}      (then: invctl ${built ? 'build' : 'up'})`,
      service,
      file,
      line,
      mend: () => convert(facts, file),
    }));
  },
  fix: { safety: 'safe' },
});

/** A step without a diff, which would show every line. */
async function convert(facts: Facts, file: string): Promise<FixStep[]> {
  const steps = await editFile(facts, {
    file,
    summary: `convert ${facts.shown(file)} to LF line ends`,
    change: (text) => text.replaceAll('\r\n', '\n'),
  });
  return steps.map(({ summary, apply }) => ({ summary, apply }));
}

interface CrlfScript {
  service: string;
  file: string;
  /** The first line with CR LF. */
  line: number;
  /** True: the file is copied into an image. */
  built: boolean;
}

function crlfScripts(facts: Facts): CrlfScript[] {
  return Object.values(facts.project.services).flatMap((service) => {
    const found = new Map<string, CrlfScript>();
    const add = (file: string, built: boolean, anyLine: boolean) => {
      const line = crlfLine(file, anyLine);
      if (line !== undefined && !found.has(file))
        found.set(file, { service: service.name, file, line, built });
    };
    for (const { file, folder } of initPaths(service)) if (!folder) add(file, false, file.endsWith('.sh'));
    for (const { type, source, target } of service.mounts) {
      if (type === 'bind' && source && target.endsWith('.sh')) add(source, false, false);
    }
    for (const file of startedScripts(facts.project, service)) add(file, false, false);
    for (const file of copiedFiles(service)) add(file, true, false);
    return [...found.values()];
  });
}

/** Files of this machine that the Dockerfile's last stage copies. */
function copiedFiles(service: ComposeService): string[] {
  const context = service.build?.context;
  const dockerfile = dockerfileOf(service);
  if (!context || !isAbsolute(context) || !dockerfile) return [];
  return dockerfile.lastStage.flatMap(({ keyword, words }) =>
    keyword === 'COPY' || keyword === 'ADD' ? words.slice(0, -1).map((word) => join(context, word)) : [],
  );
}

/** 1-based line whose CR LF breaks the shell or the kernel: the first line of a script, or any. */
function crlfLine(file: string, anyLine: boolean): number | undefined {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats?.isFile() || stats.size > 1_000_000 || (stats.mode & 0o444) === 0) return undefined;
  const text = readFileSync(file, 'latin1');
  if (/^#![^\n]*\r\n/.test(text)) return 1;
  const at = anyLine ? text.indexOf('\r\n') : -1;
  return at < 0 ? undefined : text.slice(0, at).split('\n').length;
}
