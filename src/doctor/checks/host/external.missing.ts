import { defineCheck, type Finding } from '../../check.js';
import type { Facts } from '../../facts.js';
import { placeOf, serviceKeys } from '../../reading.js';

export const check = defineCheck({
  id: 'external.missing',
  chapter: 'host',
  title: 'an external network, volume or secret is not there',
  severity: 'fail',
  needs: ['config', 'docker'],
  blocksUp: 'EXTERNAL_MISSING',
  why: 'Compose makes nothing that is declared `external: true`: it refuses to start without it.',
  docs: `\`external: true\` says that somebody else makes it: another project, or a person. \`docker network ls\` and \`docker volume ls\` show what is there. Make it once (\`docker network create NAME\`), start the project that owns it first, or remove \`external\` so that Compose makes it. An external secret is for Swarm: \`docker compose\` has none. A project with Swarm's own keys under \`deploy\` is a warning only, since another engine may be meant.`,
  async probe(facts) {
    const { networks, volumes, secrets, services } = facts.project;
    const all = Object.values(services);
    const weight = all.some(({ name }) => isForSwarm(facts, name)) ? { severity: 'warn' as const } : {};
    const findings: Finding[] = [];
    const usedNetworks = new Set(all.flatMap((service) => service.networks));
    const wantedNetworks = Object.entries(networks).filter(
      ([key, { external }]) => external && usedNetworks.has(key),
    );
    const there = wantedNetworks.length === 0 ? [] : await facts.docker.networks();
    for (const [key, { name }] of wantedNetworks) {
      if (there.some(({ Name }) => Name === name)) continue;
      findings.push({
        ...weight,
        message: `the external network ${name} ("${key}") is not there`,
        next: `docker network create ${name}      (or start the project that makes it)`,
        ...placeOf(facts.reading, 'networks', key),
      });
    }
    const usedVolumes = new Set(all.flatMap(({ mounts }) => mounts.flatMap(({ source }) => source ?? [])));
    const wantedVolumes = Object.entries(volumes).filter(
      ([key, { external }]) => external && usedVolumes.has(key),
    );
    const kept = wantedVolumes.length === 0 ? [] : await facts.docker.volumes();
    for (const [key, { name }] of wantedVolumes) {
      if (kept.some(({ Name }) => Name === name)) continue;
      findings.push({
        ...weight,
        message: `the external volume ${name} ("${key}") is not there`,
        next: `docker volume create ${name}      (it will be empty; if there was data in it, look for its name first: docker volume ls)`,
        ...placeOf(facts.reading, 'volumes', key),
      });
    }
    for (const [key, { external }] of Object.entries(secrets)) {
      const service = all.find((one) => one.secrets.some(({ source }) => source === key));
      if (!external || !service) continue;
      findings.push({
        ...weight,
        message: `the secret "${key}" of "${service.name}" is external, and docker compose does not support external secrets`,
        next: `give it a file: secrets: {${key}: {file: ./secrets/${key}.txt}}`,
        service: service.name,
        ...placeOf(facts.reading, 'secrets', key),
      });
    }
    return findings;
  },
});

/** Keys of `deploy` that only a Swarm uses (docs.docker.com/reference/compose-file/deploy). */
function isForSwarm(facts: Facts, service: string): boolean {
  const deploy: unknown = serviceKeys(facts.reading, service).deploy;
  return ['update_config', 'rollback_config', 'placement', 'endpoint_mode', 'mode'].some(
    (key) => typeof deploy === 'object' && deploy !== null && key in deploy,
  );
}
