import { defineCheck, type Finding } from '../../check.js';
import type { Facts } from '../../facts.js';
import { deployedFindings, judgeWhereItRuns } from '../../judge-deployed.js';
import { place, placeOf } from '../../reading.js';

export const check = defineCheck({
  id: 'prod.dev-config',
  chapter: 'production',
  title: 'configuration that is for development only',
  severity: 'fail',
  needs: ['config'],
  why: 'A production container runs what was built and tested, not what lies on the machine that day.',
  docs: `Checklist item 1. Mounted source, \`--watch\` and \`--reload\`, debug switches and \`ENVIRONMENT=development\` belong into \`compose.override.yaml\`, which production leaves out: \`docker compose -f compose.yaml up -d\`. Of what is deployed, the mounts, variables and commands of its services are judged.`,
  probe: (facts) =>
    judgeWhereItRuns(
      facts,
      () => developmentInFiles(facts),
      (deployed, inFiles) => [
        ...deployedFindings(deployed, inFiles, ({ hostMounts, name }) => {
          const context = facts.project.services[name]?.build?.context;
          const source = hostMounts.find((mount) => isSource(mount.source, mount.readOnly, context));
          return source && `mounts its source ${facts.shown(source.source)} over ${source.target}`;
        }),
        ...deployedFindings(deployed, inFiles, ({ environment }) => {
          const [variable] = Object.entries(environment).filter(([name, value]) =>
            isDevelopment(name, value),
          );
          return variable && `has ${variable[0]}=${variable[1]}`;
        }),
        ...deployedFindings(deployed, inFiles, ({ command }) =>
          DEVELOPMENT_COMMAND.test(command.join(' ')) ? 'runs a command for development' : undefined,
        ),
      ],
    ),
});

function developmentInFiles(facts: Facts): Finding[] {
  const findings: Finding[] = [];
  for (const service of Object.values(facts.project.services)) {
    const context = service.build?.context;
    for (const { type, source, readOnly, target } of service.mounts) {
      if (type !== 'bind' || !source || !isSource(source, readOnly, context)) continue;
      findings.push({
        message: `"${service.name}" mounts its source ${facts.shown(source)} over ${target}`,
        next: 'move the mount to compose.override.yaml, which production leaves out',
        service: service.name,
        ...placeOf(facts.reading, 'services', service.name, 'volumes'),
      });
    }
    for (const [name, value] of Object.entries(service.environment)) {
      const development = isDevelopment(name, value ?? '');
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
    if (!DEVELOPMENT_COMMAND.test(command)) continue;
    findings.push({
      message: `the command of "${service.name}" is one for development`,
      next: 'start what was built, e.g. node dist/main.js',
      service: service.name,
      ...placeOf(facts.reading, 'services', service.name, 'command'),
    });
  }
  return findings;
}

function isSource(source: string, readOnly: boolean, context: string | undefined): boolean {
  if (!context || readOnly) return false;
  return source === context || source.startsWith(`${context}/`);
}

function isDevelopment(name: string, value: string): boolean {
  if (STAGE.test(name)) return DEVELOPMENT.test(value);
  return DEBUG.test(name) && /^(1|true|yes|on)$/i.test(value);
}

const STAGE = /^(ENVIRONMENT|NODE_ENV|APP_ENV|RAILS_ENV|FLASK_ENV|DJANGO_ENV|ENV|STAGE)$/;
const DEVELOPMENT = /^(dev|development|local|test|testing)$/i;
const DEBUG = /^(\w+_)?DEBUG$/;
const DEVELOPMENT_COMMAND =
  /(^|\s)(--watch|--reload|nodemon|--inspect\S*|ts-node-dev|flask run|runserver)(\s|$)/;
