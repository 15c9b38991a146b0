import { existsSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import dockerignore from '@balena/dockerignore';
import { defineCheck, type Finding, type FixStep } from '../../check.js';
import { type Dockerfile, dockerfileOf } from '../../dockerfile.js';
import type { Facts } from '../../facts.js';
import { editFile } from '../../fix/edit-file.js';
import { literalPattern } from '../../fix/literal-pattern.js';
import { sensitiveFiles, sensitiveFilesIn } from '../../sensitive-files.js';

export const check = defineCheck({
  id: 'sec.dockerignore',
  chapter: 'security',
  title: 'a secret would enter the image',
  severity: 'warn',
  why: 'Anyone who gets the image gets the secret, also after a later layer removed it.',
  docs: `The whole build context goes to the builder, but for what \`.dockerignore\` leaves out; \`COPY . .\` then puts it into a layer. List \`.env*\`, keys and the folder of secrets in the \`.dockerignore\` of the build context. A file that is sent along and copied by no instruction is information (a warning in a scaffold, which ignores all of them).`,
  probe(facts) {
    const found = exposed(facts);
    return found.map(({ service, path, context, ignoreFile, copiedAt, dockerfile }): Finding => {
      const shown = facts.shown(join(context, path));
      const way = {
        next: 'invctl doctor --fix      (adds it to .dockerignore)',
        nextByHand: `let ${facts.shown(ignoreFile)} leave it out`,
        mend: () => ignoreAll(facts, ignoreFile, found),
      };
      return copiedAt === undefined
        ? {
            message: `${shown} is sent to the builder of "${service}" with the build context`,
            why: 'No instruction copies it into the image today; nothing would stop the next one.',
            severity: facts.scaffold ? 'warn' : 'info',
            ...way,
            service,
          }
        : {
            message: `${shown} would enter the image of "${service}"`,
            ...way,
            service,
            ...dockerfile.place(copiedAt),
          };
    });
  },
  fix: { safety: 'safe' },
});

/** One step that lets an ignore file leave out all that was found in its context. */
function ignoreAll(facts: Facts, ignoreFile: string, found: readonly Exposed[]): Promise<FixStep[]> {
  const exposedHere = found.filter((one) => one.ignoreFile === ignoreFile);
  const paths = [...new Set(exposedHere.map(({ path }) => path))];
  return editFile(facts, {
    file: ignoreFile,
    summary: `add ${paths.join(', ')} to ${facts.shown(ignoreFile)}`,
    change: (text) => {
      const edited = `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${paths.map(literalPattern).join('\n')}\n`;
      const rules = dockerignore.default().add(edited);
      return paths.every((path) => rules.ignores(path)) ? edited : undefined;
    },
  });
}

interface Exposed {
  service: string;
  /** Relative to the context. */
  path: string;
  context: string;
  ignoreFile: string;
  dockerfile: Dockerfile;
  /** Line of the instruction that copies it; undefined when no instruction does. */
  copiedAt?: number;
}

function exposed(facts: Facts): Exposed[] {
  const known = sensitiveFiles(facts);
  return Object.values(facts.project.services).flatMap((service): Exposed[] => {
    const context = service.build?.context;
    const dockerfile = dockerfileOf(service, facts.reading);
    if (!context || !isAbsolute(context) || !dockerfile || !statSync(context).isDirectory()) return [];
    // BuildKit prefers the ignore file that is named after the Dockerfile.
    const own = dockerfile.file && `${dockerfile.file}.dockerignore`;
    const ignoreFile = own && existsSync(own) ? own : join(context, '.dockerignore');
    const rules = dockerignore.default();
    if (existsSync(ignoreFile)) rules.add(readFileSync(ignoreFile, 'utf8'));
    return sensitiveFilesIn(context, known)
      .filter((path) => !rules.ignores(path))
      .map((path) => {
        const copiedAt = copyOf(dockerfile, path);
        return {
          service: service.name,
          path,
          context,
          ignoreFile,
          dockerfile,
          ...(copiedAt === undefined ? {} : { copiedAt }),
        };
      });
  });
}

/** Line of the first COPY or ADD that takes the file, in any stage: a later stage may copy it from there. */
function copyOf({ instructions }: Dockerfile, path: string): number | undefined {
  return instructions.find(({ keyword, text, words }) => {
    if ((keyword !== 'COPY' && keyword !== 'ADD') || /(^|\s)--from=/.test(text)) return false;
    return words.slice(0, -1).some((word) => {
      const source = word.replace(/^\.?\//, '').replace(/\/$/, '');
      return (
        source === '' || source === '.' || source === '*' || path === source || path.startsWith(`${source}/`)
      );
    });
  })?.line;
}
