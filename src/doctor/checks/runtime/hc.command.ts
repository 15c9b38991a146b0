import { replaceList } from '../../../project/compose-text.js';
import { defineCheck, type Finding, type FixStep } from '../../check.js';
import type { Facts } from '../../facts.js';
import { editService } from '../../fix/compose-edit.js';
import { type MisreadTest, misreadTest } from '../../health-command.js';
import { placeOf } from '../../reading.js';

const NOT_THERE =
  /exec: "?([^":\s]+)"?: (?:executable file not found|stat .*: no such file|no such file)|(?:sh|bash|ash)?:? ?(?:\d+: |line \d+: )?(\S+): (?:command )?not found|exec failed: .*no such file or directory/i;

export const check = defineCheck({
  id: 'hc.command',
  chapter: 'runtime',
  title: 'a health check runs something else than it says, or a program that is not in the image',
  severity: 'fail',
  why: 'The check can never pass, however well the service runs, and what waits for it never starts.',
  docs: `\`["CMD", "pg_isready -h 127.0.0.1"]\` runs one program whose name has spaces in it: write each word as its own text, or \`CMD-SHELL\`. \`["CMD-SHELL", "curl", "-f", "http://…"]\` runs \`curl\` without arguments: a shell takes one text. Slim images have no \`curl\` or \`wget\`; distroless ones have no shell. \`invctl inspect SERVICE\` shows what the check printed. Use what is there: in a Node image \`node -e "fetch(…)"\`, in PostgreSQL's \`pg_isready\`.`,
  async probe(facts) {
    const findings = Object.values(facts.project.services).map(async (service) => {
      const misread = service.healthcheck?.disabled ? undefined : misreadTest(service.healthcheck?.test);
      const found = misread ? misreadFinding(misread) : await missingProgram(facts, service.name);
      if (!found) return [];
      const at = placeOf(facts.reading, 'services', service.name, 'healthcheck', 'test');
      return [
        {
          ...found,
          service: service.name,
          ...at,
          ...(misread ? { mend: () => rewrite(facts, service.name, misread) } : {}),
        },
      ];
    });
    return (await Promise.all(findings)).flat();
  },
  fix: { safety: 'safe' },
});

function misreadFinding(misread: MisreadTest): Finding {
  const written = JSON.stringify(['CMD-SHELL', misread.command]);
  if (misread.kind === 'one-word') {
    return {
      message: `the health check runs one program called "${misread.command}", which no image has`,
      next: `write test: ${written}`,
    };
  }
  return {
    severity: 'warn',
    message: `the health check runs "${misread.run}" without its arguments: of CMD-SHELL a shell takes the first text alone`,
    why: 'It checks something else than it says: it passes too early, or never.',
    next: `write test: ${written}`,
  };
}

async function missingProgram(facts: Facts, service: string): Promise<Finding | undefined> {
  const [container] = await facts.containersOf(service);
  const last = container?.State.Health?.Log?.at(-1);
  if (!last || last.ExitCode === 0) return undefined;
  const missing = NOT_THERE.exec(last.Output);
  if (!missing) return undefined;
  const program = missing[1] ?? missing[2] ?? 'its program';
  return {
    message: `the health check of "${service}" runs ${program}, which is not in its image`,
    next: `use a program of the image, or install ${program} in the Dockerfile`,
  };
}

async function rewrite(facts: Facts, name: string, misread: MisreadTest): Promise<FixStep[]> {
  const steps = await editService(
    facts,
    name,
    `let the health check of ${name} run what it says`,
    (text, path) =>
      // Edits the text as it is written, so that each `$` in it is kept.
      replaceList(text, [...path, 'healthcheck', 'test'], (words) => {
        const written = misreadTest(words);
        return written && JSON.stringify(['CMD-SHELL', written.command]);
      }),
  );
  // A health check that passes without its arguments may fail with them.
  return steps.map((step) => (misread.kind === 'arguments' ? { ...step, ask: true as const } : step));
}
