import { setKey } from '../../../project/compose-text.js';
import { defineCheck, type Finding } from '../../check.js';
import type { Deployed } from '../../deployed.js';
import type { Facts } from '../../facts.js';
import { editService } from '../../fix/compose-edit.js';
import { deployedFindings, judgeWhereItRuns } from '../../judge-deployed.js';
import { longRunning } from '../../long-running.js';
import { placeOf, serviceKeys } from '../../reading.js';

export const check = defineCheck({
  id: 'prod.logs',
  chapter: 'production',
  title: 'logs that are bounded and collected',
  severity: 'fail',
  needs: ['config'],
  why: 'The default driver keeps every line for ever, until the disk is full.',
  docs: `Checklist item 5. \`logging.options.max-size\` bounds what Docker keeps. Whether something collects the logs of this machine cannot be seen from the project: then the item is unknown. A driver that sends them on (syslog, fluentd, gelf, journald, …) passes, and so does a service that collects Docker's files, such as the one of \`invctl init --monitoring\` while its profile is on. What is deployed passes too where a collector runs beside it (Fluent Bit, Vector, Promtail, …) in the Swarm or the cluster. A kubelet bounds logs by itself.`,
  probe: (facts) => judgeWhereItRuns(facts, () => logsOfFiles(facts), logsOfDeployed),
  fix: { safety: 'safe' },
});

const BOUNDED = '{ driver: json-file, options: { max-size: 10m, max-file: "5" } }';

interface Logging {
  driver?: string;
  options?: Record<string, string>;
}

function loggings(facts: Facts): { name: string; logging: Logging | undefined }[] {
  return longRunning(facts).map((name) => ({ name, logging: serviceKeys(facts.reading, name).logging }));
}

function isUnbounded(logging: Logging | undefined): boolean {
  const driver = logging?.driver ?? 'json-file';
  return BUILT_IN.test(driver) && driver !== 'local' && !logging?.options?.['max-size'];
}

function logsOfFiles(facts: Facts): Finding[] | { unknown: string } {
  const services = loggings(facts);
  const unbounded = services.filter(({ logging }) => isUnbounded(logging));
  if (unbounded.length > 0) {
    return unbounded.map(({ name, logging }) => ({
      message: `the logs of "${name}" grow without bound`,
      next: `logging: ${BOUNDED}`,
      service: name,
      ...placeOf(facts.reading, 'services', name),
      ...(logging === undefined
        ? {
            mend: () =>
              editService(facts, name, `bound the logs of ${name}`, (text, path) =>
                setKey(text, path, 'logging', BOUNDED),
              ),
          }
        : {}),
    }));
  }
  if (services.every(({ logging }) => !BUILT_IN.test(logging?.driver ?? 'json-file'))) return [];
  if (Object.values(facts.project.services).some(({ image }) => COLLECTORS.test(image ?? ''))) return [];
  const collector = facts.scaffold ? '; to have them collected: invctl init --monitoring' : '';
  return {
    unknown: `logs are bounded; whether something collects them cannot be seen from the project${collector}`,
  };
}

function logsOfDeployed(
  deployed: Deployed,
  inFiles: Parameters<typeof deployedFindings>[1],
): Finding[] | { unknown: string } {
  const unbounded = deployedFindings(deployed, inFiles, ({ logging }) =>
    logging && BUILT_IN.test(logging.driver) && !logging.bounded ? 'keeps its logs without bound' : undefined,
  );
  if (unbounded.length > 0) return unbounded;
  const kept = deployed.services.filter(({ logging }) => !logging || BUILT_IN.test(logging.driver));
  if (kept.length === 0 || deployed.neighbours?.some((image) => COLLECTORS.test(image))) return [];
  const looked =
    deployed.neighbours === undefined
      ? 'these credentials may not see whether something collects them'
      : 'nothing that is known to collect them runs beside it; the provider may';
  return { unknown: `logs are bounded; ${looked}` };
}

/** Log drivers that keep the logs on this machine. */
const BUILT_IN = /^(json-file|local)$/;

/** Images of what collects the logs of a node. */
const COLLECTORS =
  /(^|\/)(syslog-ng|axosyslog|fluent-?bit|fluentd\S*|vector|promtail|alloy|agent|filebeat|elastic-agent|logspout|otel\S*|opentelemetry-collector\S*|splunk\S*|datadog\S*|newrelic\S*)(:|@|$)/;
