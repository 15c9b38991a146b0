import { defineCheck } from '../../check.js';
import { placeOf } from '../../reading.js';

const NOT_THERE =
  /exec: "?([^":\s]+)"?: (?:executable file not found|stat .*: no such file|no such file)|(?:sh|bash|ash)?:? ?(?:\d+: |line \d+: )?(\S+): (?:command )?not found|exec failed: .*no such file or directory/i;

export const check = defineCheck({
  id: 'hc.command',
  chapter: 'runtime',
  title: 'the program of a health check is not in the image',
  severity: 'fail',
  needs: ['config', 'docker'],
  why: 'The check can never pass, however well the service runs, and what waits for it never starts.',
  docs: `Slim images have no \`curl\` or \`wget\`; distroless ones have no shell. \`invctl inspect SERVICE\` shows what the check printed. Use what is there: in a Node image \`node -e "fetch(…)"\`, in PostgreSQL's \`pg_isready\`.`,
  async probe(facts) {
    const findings = Object.keys(facts.project.services).map(async (service) => {
      const [container] = await facts.containersOf(service);
      const last = container?.State.Health?.Log?.at(-1);
      if (!last || last.ExitCode === 0) return [];
      const missing = NOT_THERE.exec(last.Output);
      if (!missing) return [];
      const program = missing[1] ?? missing[2] ?? 'its program';
      return [
        {
          message: `the health check of "${service}" runs ${program}, which is not in its image`,
          next: `use a program of the image, or install ${program} in the Dockerfile`,
          service,
          ...placeOf(facts.reading, 'services', service, 'healthcheck'),
        },
      ];
    });
    return (await Promise.all(findings)).flat();
  },
});
