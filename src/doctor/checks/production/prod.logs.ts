import { defineCheck } from '../../check.js';
import { longRunning } from '../../long-running.js';
import { placeOf, serviceKeys } from '../../reading.js';

export const check = defineCheck({
  id: 'prod.logs',
  chapter: 'production',
  title: 'logs that are bounded and collected',
  severity: 'fail',
  needs: ['config'],
  why: 'The default driver keeps every line for ever, until the disk is full.',
  docs: `Checklist item 5. \`logging.options.max-size\` bounds what Docker keeps. Whether something collects the logs of this machine cannot be seen from the project: then the item is unknown. A driver that sends them on (syslog, fluentd, gelf, journald, …) passes.`,
  probe(facts) {
    const services = longRunning(facts).map((name) => ({
      name,
      logging: serviceKeys(facts.reading, name).logging,
    }));
    const unbounded = services.filter(
      ({ logging }) =>
        BUILT_IN.test(logging?.driver ?? 'json-file') &&
        logging?.driver !== 'local' &&
        !logging?.options?.['max-size'],
    );
    if (unbounded.length > 0) {
      return unbounded.map(({ name }) => ({
        message: `the logs of "${name}" grow without bound`,
        next: 'logging: {driver: json-file, options: {max-size: 10m, max-file: "5"}}',
        service: name,
        ...placeOf(facts.reading, 'services', name),
      }));
    }
    if (services.every(({ logging }) => !BUILT_IN.test(logging?.driver ?? 'json-file'))) return [];
    return { unknown: 'logs are bounded; whether something collects them cannot be seen from the project' };
  },
});

/** Log drivers that keep the logs on this machine. */
const BUILT_IN = /^(json-file|local)$/;
