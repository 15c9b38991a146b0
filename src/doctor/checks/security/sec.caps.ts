import { defineCheck, type Finding } from '../../check.js';
import { placeOf, serviceKeys } from '../../reading.js';

/** Capabilities that are equivalent to root on the machine (capabilities(7)). */
const MIGHTY = /^(CAP_)?(ALL|SYS_ADMIN|SYS_MODULE|SYS_RAWIO|SYS_PTRACE|DAC_READ_SEARCH|BPF)$/i;

export const check = defineCheck({
  id: 'sec.caps',
  chapter: 'security',
  title: 'a service may more than it needs',
  severity: 'warn',
  why: 'What breaks into the container may do what the container may.',
  docs: `\`privileged: true\`, and capabilities such as SYS_ADMIN, are root of the machine. An API and a database need none at all: \`cap_drop: [ALL]\` and \`security_opt: ["no-new-privileges:true"]\`, as in a scaffold. Where a service needs one, add that one.`,
  probe(facts) {
    const findings: Finding[] = [];
    for (const name of Object.keys(facts.project.services)) {
      const keys = serviceKeys(facts.reading, name);
      const added: string[] = keys.cap_add ?? [];
      const dropped: string[] = keys.cap_drop ?? [];
      const options: string[] = keys.security_opt ?? [];
      const mighty = added.filter((capability) => MIGHTY.test(capability));
      const tell = (message: string, next: string, ...path: string[]) =>
        findings.push({ message, next, service: name, ...placeOf(facts.reading, 'services', name, ...path) });
      if (keys.privileged === true) {
        tell(
          `"${name}" is privileged`,
          'remove privileged: true, and add the one capability that it needs',
          'privileged',
        );
      } else if (mighty.length > 0) {
        tell(`"${name}" has ${mighty.join(', ')}`, 'remove it from cap_add', 'cap_add');
      } else if (facts.scaffold && !dropped.some((capability) => /^ALL$/i.test(capability))) {
        tell(`"${name}" keeps Docker's default capabilities`, `cap_drop: [ALL] in ${name}`);
      } else if (facts.scaffold && !options.some((option) => /^no-new-privileges(:true)?$/.test(option))) {
        tell(
          `"${name}" may gain privileges by setuid programs`,
          `security_opt: ["no-new-privileges:true"] in ${name}`,
        );
      }
    }
    return findings;
  },
});
