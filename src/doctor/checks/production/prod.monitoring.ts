import { defineCheck } from '../../check.js';

export const check = defineCheck({
  id: 'prod.monitoring',
  chapter: 'production',
  title: 'something watches the stack',
  severity: 'fail',
  needs: ['config'],
  why: 'Otherwise the users are the monitoring.',
  docs: `Checklist item 7. The API of a scaffold has \`/metrics\` for Prometheus and \`/health\` for an uptime probe. What asks them usually lives outside of the project: then the item is unknown.`,
  probe({ project }) {
    const watching = Object.values(project.services).some(({ image }) => MONITORS.test(image ?? ''));
    return watching
      ? []
      : { unknown: 'whether something watches this stack cannot be seen from the project' };
  },
});

const MONITORS =
  /(^|\/)(prometheus|grafana|victoria-metrics|netdata|uptime-kuma|zabbix\S*|telegraf|datadog\S*|agent|otel\S*|opentelemetry-collector\S*|alloy|healthchecks|node-exporter|postgres-exporter|postgres_exporter)(:|@|$)/;
