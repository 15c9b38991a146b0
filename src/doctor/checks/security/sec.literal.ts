import { isSecretName } from '../../../system/secret.js';
import { defineCheck, type Finding } from '../../check.js';
import { dockerfileOf } from '../../dockerfile.js';
import { place, placeOf } from '../../reading.js';

const URL_PASSWORD = /^[a-z][a-z0-9+.:-]*:\/\/[^\s:/@]*:[^\s@/]+@/i;

export const check = defineCheck({
  id: 'sec.literal',
  chapter: 'security',
  title: 'a password is in the compose file or the Dockerfile',
  severity: 'warn',
  why: 'It goes into git with the file, and into the environment, where every child process and `docker inspect` sees it.',
  docs: `Put the secret into a file and mount it: \`secrets:\` and \`POSTGRES_PASSWORD_FILE\`. A value out of an env file that git ignores is better than one in the compose file. \`ARG\` and \`ENV\` of a Dockerfile stay in the image: use \`RUN --mount=type=secret\`.`,
  probe(facts) {
    const findings: Finding[] = [];
    for (const service of Object.values(facts.project.services)) {
      for (const { name, sources } of facts.variables(service.name).values()) {
        const [{ kind, value, at, interpolated }] = sources;
        if (kind !== 'environment' || !value || interpolated.length > 0) continue;
        if (!URL_PASSWORD.test(value) && !(isSecretName(name) && isLiteral(value))) continue;
        findings.push({
          message: `${name} of "${service.name}" is in the compose file`,
          next: `move it to a secret file or an env_file      (see ${name.startsWith('POSTGRES') ? `${name}_FILE` : 'secrets:'})`,
          service: service.name,
          ...(at ? place(at) : {}),
        });
      }
      for (const [name, value] of Object.entries(service.build?.args ?? {})) {
        if (!value || !isSecretName(name) || !isLiteral(value)) continue;
        findings.push({
          message: `the build argument ${name} of "${service.name}" holds a secret`,
          next: 'use build.secrets and RUN --mount=type=secret',
          service: service.name,
          ...placeOf(facts.reading, 'services', service.name, 'build', 'args', name),
        });
      }
      const dockerfile = dockerfileOf(service, facts.reading);
      for (const { keyword, text, line } of dockerfile?.instructions ?? []) {
        if (keyword !== 'ENV' && keyword !== 'ARG') continue;
        const match = /^([A-Za-z_]\w*)(?:=|\s+)(\S+)/.exec(text);
        const [, name = '', value = ''] = match ?? [];
        if (!isSecretName(name) || !isLiteral(value.replace(/^["']|["']$/g, '')) || !dockerfile) continue;
        findings.push({
          message: `${keyword} ${name} in the Dockerfile of "${service.name}" holds a secret`,
          next: 'remove it, and use RUN --mount=type=secret or a secret at run time',
          service: service.name,
          ...dockerfile.place(line),
        });
      }
    }
    return findings;
  },
});

/** Whether the text is itself the secret: not a variable, a path or a switch. */
function isLiteral(value: string): boolean {
  return value !== '' && !/^[$/]|^(true|false|yes|no|none|null|\d{1,4})$/i.test(value);
}
