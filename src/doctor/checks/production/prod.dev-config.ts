import { defineCheck, type Finding } from '../../check.js';
import { place, placeOf } from '../../reading.js';

export const check = defineCheck({
  id: 'prod.dev-config',
  chapter: 'production',
  title: 'configuration that is for development only',
  severity: 'fail',
  needs: ['config'],
  why: 'A production container runs what was built and tested, not what lies on the machine that day.',
  docs: `Checklist item 1. Mounted source, \`--watch\` and \`--reload\`, debug switches and \`ENVIRONMENT=development\` belong into \`compose.override.yaml\`, which production leaves out: \`docker compose -f compose.yaml up -d\`.`,
  probe(facts) {
    const findings: Finding[] = [];
    for (const service of Object.values(facts.project.services)) {
      const context = service.build?.context;
      for (const { type, source, readOnly, target } of service.mounts) {
        if (type !== 'bind' || !source || !context || readOnly) continue;
        if (source !== context && !source.startsWith(`${context}/`)) continue;
        findings.push({
          message: `"${service.name}" mounts its source ${facts.shown(source)} over ${target}`,
          next: 'move the mount to compose.override.yaml, which production leaves out',
          service: service.name,
          ...placeOf(facts.reading, 'services', service.name, 'volumes'),
        });
      }
      for (const [name, value] of Object.entries(service.environment)) {
        const development = STAGE.test(name)
          ? DEVELOPMENT.test(value ?? '')
          : DEBUG.test(name) && /^(1|true|yes|on)$/i.test(value ?? '');
        const at = facts.variables(service.name).get(name)?.sources[0].at;
        if (!development) continue;
        findings.push({
          message: `${name} of "${service.name}" is ${value}`,
          next: STAGE.test(name) ? `set ${name}=production` : `remove ${name}`,
          service: service.name,
          ...(at ? place(at) : {}),
        });
      }
      const command = [...(service.entrypoint ?? []), ...(service.command ?? [])].join(' ');
      if (
        !/(^|\s)(--watch|--reload|nodemon|--inspect\S*|ts-node-dev|flask run|runserver)(\s|$)/.test(command)
      )
        continue;
      findings.push({
        message: `the command of "${service.name}" is one for development`,
        next: 'start what was built, e.g. node dist/main.js',
        service: service.name,
        ...placeOf(facts.reading, 'services', service.name, 'command'),
      });
    }
    return findings;
  },
});

const STAGE = /^(ENVIRONMENT|NODE_ENV|APP_ENV|RAILS_ENV|FLASK_ENV|DJANGO_ENV|ENV|STAGE)$/;
const DEVELOPMENT = /^(dev|development|local|test|testing)$/i;
const DEBUG = /^(\w+_)?DEBUG$/;
