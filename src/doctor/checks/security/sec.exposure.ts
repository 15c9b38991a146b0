import { defineCheck, type Finding } from '../../check.js';
import { wantedPorts } from '../../published-ports.js';
import { placeOf } from '../../reading.js';

/** Services that are not meant to be public, by their image and port. */
const PRIVATE =
  /(^|\/)(redis|valkey|keydb|memcached|mysql|mariadb|mongo|mongo-express|elasticsearch|opensearch|rabbitmq|adminer|pgadmin4?|phpmyadmin|redis-commander|portainer|etcd)(:|@|$)/;

/** Services that are meant to be public. */
const PROXIES = /(^|\/)(caddy|traefik|nginx|haproxy|envoy)(:|@|$)/;

export const check = defineCheck({
  id: 'sec.exposure',
  chapter: 'security',
  title: 'something is reachable that should not be',
  severity: 'warn',
  requires: ['db.published'],
  why: "Docker opens published ports past the host's firewall: the whole network reaches them.",
  docs: `Data stores and their consoles need no published port, or one on \`127.0.0.1\`. In a scaffold, the API is published on loopback (\`invctl init --domain NAME\` puts a proxy with TLS in front), and the database's network is \`internal: true\`, so that it reaches nothing outside and nothing outside reaches it. \`invctl network ls\` shows it.`,
  async probe(facts) {
    const findings: Finding[] = [];
    for (const { service: name, host, port, place } of await wantedPorts(facts)) {
      if (/^(127\.|\[?::1)/.test(host)) continue;
      const service = facts.project.services[name];
      // `db.published` reports databases.
      if (facts.databases.some((database) => database.name === name)) continue;
      const isPrivate = PRIVATE.test(service?.image ?? '');
      if (!isPrivate && (!facts.scaffold || PROXIES.test(service?.image ?? ''))) continue;
      findings.push({
        message: `"${name}" publishes port ${port} on all addresses of this machine`,
        next: `write "127.0.0.1:${port}:…" under ports of ${name}`,
        service: name,
        ...place,
      });
    }
    const { database, project } = facts;
    if (facts.scaffold && database && !database.networkMode) {
      for (const network of database.networks) {
        if (project.networks[network]?.internal) continue;
        findings.push({
          message: `the database is in the network "${network}", which is not internal`,
          why: 'It reaches the internet, and anyone who joins that network reaches it.',
          next: `internal: true under networks.${network}`,
          service: database.name,
          ...placeOf(facts.reading, 'networks', network),
        });
      }
    }
    return findings;
  },
});
