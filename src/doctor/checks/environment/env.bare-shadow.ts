import { defineCheck } from '../../check.js';
import { place } from '../../reading.js';

export const check = defineCheck({
  id: 'env.bare-shadow',
  chapter: 'environment',
  title: 'a bare name under `environment` unsets a variable',
  severity: 'fail',
  why: 'A name without a value takes that of the shell or .env; where those have none, it removes what env_file sets.',
  docs: `\`environment: [NAME]\` does not mean "from the env_file". It passes the value of the shell, or of the \`.env\` beside the compose file; without one, the variable is unset in the container, whatever \`env_file\` says. Remove the line.`,
  probe(facts) {
    return Object.keys(facts.project.services).flatMap((service) =>
      [...facts.variables(service).values()].flatMap(({ name, sources: [winner, ...others] }) => {
        if (winner.value !== null || winner.kind !== 'environment') return [];
        const shadowed = others.find(({ value }) => value !== null);
        if (!shadowed) return [];
        const from = shadowed.at ? ` of ${facts.shown(shadowed.at.file)}:${shadowed.at.line}` : '';
        return [
          {
            message: `the bare name ${name} under environment of "${service}" unsets the value${from}`,
            next: `remove ${name} from environment of ${service}`,
            service,
            ...(winner.at ? place(winner.at) : {}),
          },
        ];
      }),
    );
  },
});
