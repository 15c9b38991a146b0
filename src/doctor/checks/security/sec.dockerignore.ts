import { existsSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import dockerignore from '@balena/dockerignore';
import { defineCheck, type Finding } from '../../check.js';
import { type Dockerfile, dockerfileOf } from '../../dockerfile.js';
import type { Facts } from '../../facts.js';
import { editFile } from '../../fix/edit-file.js';
import { sensitiveFiles, sensitiveFilesIn } from '../../sensitive-files.js';

export const check = defineCheck({
  id: 'sec.dockerignore',
  chapter: 'security',
  title: 'a secret would enter the image',
  severity: 'warn',
  why: 'Anyone who gets the image gets the secret, also after a later layer removed it.',
  docs: `The whole build context goes to the builder, but for what \`.dockerignore\` leaves out; \`COPY . .\` then puts it into a layer. List \`.env*\`, keys and the folder of secrets in the \`.dockerignore\` of the build context. A file that is sent along and copied by no instruction is information (a warning in a scaffold, which ignores all of them).`,
  probe(facts) {
    return exposed(facts).map(({ service, path, context, copiedAt, dockerfile }): Finding => {
      const shown = facts.shown(join(context, path));
      return copiedAt === undefined
        ? {
            message: `${shown} is sent to the builder of "${service}" with the build context`,
            why: 'No instruction copies it into the image today; nothing would stop the next one.',
            severity: facts.scaffold ? 'warn' : 'info',
            next: 'invctl doctor --fix      (adds it to .dockerignore)',
            service,
          }
        : {
            message: `${shown} would enter the image of "${service}"`,
            next: 'invctl doctor --fix      (adds it to .dockerignore)',
            service,
            ...dockerfile.place(copiedAt),
          };
    });
  },
  fix: {
    safety: 'safe',
    async plan(facts) {
      const found = exposed(facts);
      const contexts = [...new Set(found.map(({ context }) => context))];
      const steps = contexts.map((context) => {
        const paths = [...new Set(found.filter((one) => one.context === context).map(({ path }) => path))];
        const file =
          found.find((one) => one.context === context)?.ignoreFile ?? join(context, '.dockerignore');
        return editFile(facts, {
          file,
          summary: `add ${paths.join(', ')} to ${facts.shown(file)}`,
          change: (text) => `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${paths.join('\n')}\n`,
        });
      });
      return (await Promise.all(steps)).flat();
    },
  },
});

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
