import { insideProject } from '../../../project/paths.js';
import { mapAt, textAt } from '../../../project/tree.js';
import { defineCheck, type Finding } from '../../check.js';
import type { Facts } from '../../facts.js';
import { judgeWhereItRuns, thenDeploy } from '../../judge-deployed.js';
import { placeOf } from '../../reading.js';

export const check = defineCheck({
  id: 'prod.monitoring',
  chapter: 'production',
  title: 'something watches the stack',
  severity: 'fail',
  needs: ['config'],
  why: 'Otherwise the users are the monitoring.',
  docs: `Checklist item 7. The API of a scaffold has \`/metrics\` for Prometheus and \`/health\` for an uptime probe. \`invctl init --monitoring\` adds Prometheus with alerts; what is hidden by a profile that is not on watches nothing. Where something outside of the project asks them, nobody here can see it: then the item is unknown. What is deployed passes where such a service is deployed with it, or a ServiceMonitor or PodMonitor of its namespace names it to a Prometheus operator.`,
  probe: (facts) =>
    judgeWhereItRuns(
      facts,
      () => {
        if (Object.values(facts.project.services).some(({ image }) => MONITORS.test(image ?? ''))) return [];
        const hidden = hiddenMonitor(facts);
        return hidden
          ? [hidden]
          : {
              unknown: `whether something watches this stack cannot be seen from the project${facts.scaffold ? '; to have Prometheus with alerts: invctl init --monitoring' : ''}`,
            };
      },
      ({ services, monitor, place, redeploy }) => {
        if (monitor !== undefined || services.some(({ image }) => MONITORS.test(image))) return [];
        const hidden = hiddenMonitor(facts);
        if (hidden) {
          const next = hidden.next?.replace(', then: invctl up', '') ?? '';
          return [{ ...hidden, next: thenDeploy(next, redeploy) }];
        }
        const added = facts.scaffold ? `invctl init --monitoring, then: ${redeploy}` : redeploy;
        if (Object.values(facts.project.services).some(({ image }) => MONITORS.test(image ?? ''))) {
          return [{ message: `what watches the stack is not in ${place}`, next: redeploy }];
        }
        return {
          unknown: `nothing in ${place} watches it; what is outside of it cannot be seen${facts.scaffold ? `: ${added}` : ''}`,
        };
      },
    ),
});

/** A monitor that the project has, of a profile that is not on. */
function hiddenMonitor({ reading: { loaded, location }, reading }: Facts): Finding | undefined {
  for (const [name, service] of mapAt(loaded?.tree, 'services')?.entries ?? []) {
    const profiles = mapAt(service)?.entries.get('profiles');
    const [profile] = profiles?.kind === 'list' ? profiles.items : [];
    if (loaded?.active.has(name) || !MONITORS.test(textAt(service, 'image') ?? '')) continue;
    if (profile?.kind !== 'scalar') continue;
    const file = insideProject(location.directory, location.envFiles.at(-1) ?? '.env');
    return {
      message: `"${name}" would watch the stack, and its profile ${profile.value} is not on`,
      next: `put COMPOSE_PROFILES=${profile.value} into ${file}, then: invctl up`,
      service: name,
      ...placeOf(reading, 'services', name),
    };
  }
  return undefined;
}

const MONITORS =
  /(^|\/)(prometheus|grafana|victoria-metrics|netdata|uptime-kuma|zabbix\S*|telegraf|datadog\S*|agent|otel\S*|opentelemetry-collector\S*|alloy|healthchecks|node-exporter|postgres-exporter|postgres_exporter)(:|@|$)/;
