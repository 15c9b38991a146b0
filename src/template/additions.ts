import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { domainVariables } from './domain.js';
import { renderEnvironment } from './environment.js';
import { scaffoldPath, type Template } from './manifest.js';
import { type ScaffoldOptions, templateVariables } from './options.js';
import { render } from './render.js';
import type { ScaffoldFile } from './scaffold.js';

export const CI_SYSTEMS = ['github', 'gitlab'] as const;
export type CiSystem = (typeof CI_SYSTEMS)[number];

/** Additions of a scaffold beyond its options. Field names are those of `.invctl/lock.json`. */
export const scaffoldAdditions = z.object({
  ci: z.array(z.enum(CI_SYSTEMS)).optional(),
  /** In lower case and ASCII. */
  domain: z
    .string()
    .regex(/^[a-z0-9.-]+$/)
    .optional(),
  monitoring: z.literal(true).optional(),
  /** By environment name; the port of this machine for the API. */
  environments: z.record(scaffoldPath, z.object({ port: z.int().min(1).max(65_535) })).optional(),
});

export type ScaffoldAdditions = z.infer<typeof scaffoldAdditions>;

/** Compose itself merges it over compose.yaml. One file holds the services of all additions. */
export const OVERLAY = 'compose.override.yaml';

/** What starts the services of `--monitoring`, in an env file or before a command. */
export const MONITORING_ON = 'COMPOSE_PROFILES=monitoring';

type OwnedFile = Extract<ScaffoldFile, { policy: 'owned' }>;

interface AdditionFile {
  path: string;
  /** Path below `additions/` of the template. */
  source: string;
  mode: number;
}

const DEPLOY: AdditionFile = { path: '.ci/deploy.sh', source: 'ci/deploy.sh', mode: 0o755 };
const CI_FILES: Record<CiSystem, readonly AdditionFile[]> = {
  github: [DEPLOY, { path: '.github/workflows/delivery.yml', source: 'ci/github.yml', mode: 0o644 }],
  gitlab: [DEPLOY, { path: '.gitlab-ci.yml', source: 'ci/gitlab.yml', mode: 0o644 }],
};

const DOMAIN_FILES: readonly AdditionFile[] = [
  { path: 'proxy/Caddyfile', source: 'domain/Caddyfile', mode: 0o644 },
];

const MONITORING_FILES: readonly AdditionFile[] = [
  { path: 'monitoring/prometheus/prometheus.yml', source: 'monitoring/prometheus.yml', mode: 0o644 },
  { path: 'monitoring/prometheus/rules.yml', source: 'monitoring/rules.yml', mode: 0o644 },
  { path: 'monitoring/alertmanager/alertmanager.yml', source: 'monitoring/alertmanager.yml', mode: 0o644 },
  { path: 'monitoring/log-shipper/syslog-ng.conf', source: 'monitoring/syslog-ng.conf', mode: 0o644 },
  { path: 'monitoring/grafana/dashboard.json', source: 'monitoring/dashboard.json', mode: 0o644 },
  // npm leaves files named .gitignore out of a package.
  { path: 'monitoring/textfile/.gitignore', source: 'monitoring/dot-gitignore', mode: 0o644 },
];

/** Where a domain is monitored. */
const CERTIFICATE_FILES: readonly AdditionFile[] = [
  { path: 'monitoring/prometheus/certificate-target.yml', source: 'certificate/target.yml', mode: 0o644 },
  { path: 'monitoring/prometheus/certificate-rules.yml', source: 'certificate/rules.yml', mode: 0o644 },
  { path: 'monitoring/blackbox/blackbox.yml', source: 'certificate/blackbox.yml', mode: 0o644 },
];

/** Returns the additions of both, with one domain. */
export function withAdditions(known: ScaffoldAdditions, asked: ScaffoldAdditions): ScaffoldAdditions {
  const ci = CI_SYSTEMS.filter((system) => known.ci?.includes(system) || asked.ci?.includes(system));
  const domain = asked.domain ?? known.domain;
  const monitoring = known.monitoring ?? asked.monitoring;
  const environments = { ...known.environments, ...asked.environments };
  return {
    ...(ci.length > 0 ? { ci } : {}),
    ...(domain === undefined ? {} : { domain }),
    ...(monitoring ? { monitoring } : {}),
    ...(Object.keys(environments).length > 0 ? { environments } : {}),
  };
}

/** Returns the files of the additions that the template owns, in the order in which they are written. */
export async function renderAdditions(
  template: Template,
  options: ScaffoldOptions,
  additions: ScaffoldAdditions,
): Promise<OwnedFile[]> {
  const variables = {
    ...templateVariables(options),
    version: template.version,
    ...(additions.domain === undefined ? {} : domainVariables(options.name, additions.domain)),
  };
  const wanted = new Map<string, AdditionFile>();
  for (const system of additions.ci ?? []) for (const file of CI_FILES[system]) wanted.set(file.path, file);
  if (additions.domain !== undefined) for (const file of DOMAIN_FILES) wanted.set(file.path, file);
  if (additions.monitoring) for (const file of MONITORING_FILES) wanted.set(file.path, file);
  const hasCertificate = additions.monitoring === true && additions.domain !== undefined;
  if (hasCertificate) for (const file of CERTIFICATE_FILES) wanted.set(file.path, file);
  const rendered = async (source: string) =>
    render(await readFile(join(template.folder, 'additions', source), 'utf8'), variables);
  const files: OwnedFile[] = [];
  for (const { path, source, mode } of wanted.values()) {
    files.push({ path, mode, policy: 'owned', content: Buffer.from(await rendered(source)) });
  }
  const overlays = [
    ...(additions.domain === undefined ? [] : [await rendered('domain/compose.yaml')]),
    ...(additions.monitoring ? [await rendered('monitoring/compose.yaml')] : []),
    ...(hasCertificate ? [await rendered('certificate/compose.yaml')] : []),
  ];
  // After the files that it mounts: with it, the project has the services.
  if (overlays.length > 0) {
    files.push({
      path: OVERLAY,
      mode: 0o644,
      policy: 'owned',
      content: Buffer.from(joinOverlays(overlays)),
    });
  }
  for (const [name, { port }] of Object.entries(additions.environments ?? {})) {
    const rendered = await renderEnvironment(template, options, { name, port });
    files.push(...rendered.filter((file): file is OwnedFile => file.policy === 'owned'));
  }
  return files;
}

/**
 * Several compose files as one: what stands before the first section of each, then each section with the entries of
 * all. An entry that is in two of them has the keys of both, which differ.
 */
function joinOverlays(texts: readonly string[]): string {
  if (texts.length === 1) return texts[0] as string;
  const heads: string[] = [];
  const sections = new Map<string, string>();
  for (const text of texts) {
    const [head = '', ...parts] = text.split(/(?=^[a-z]+:\n)/m);
    heads.push(head.trimEnd());
    for (const part of parts) {
      const name = part.slice(0, part.indexOf('\n'));
      const body = part.slice(name.length + 1).trimEnd();
      const before = sections.get(name);
      sections.set(name, before === undefined ? body : joinEntries(before, body));
    }
  }
  const joined = [...sections].map(([name, body]) => `${name}\n${body}`);
  return `${[...heads, ...joined].join('\n\n')}\n`;
}

/** Entries of a section, each with the comments above it. */
const ENTRIES = /(?<!^ {2}#.*\n)(?=^(?: {2}#.*\n)* {2}[a-z][a-z-]*:)/m;
const ENTRY = /^(?: {2}#.*\n)* {2}([a-z][a-z-]*):.*\n?/;

function joinEntries(before: string, body: string): string {
  let joined = before;
  const added: string[] = [];
  for (const entry of body.split(ENTRIES)) {
    const [, name] = ENTRY.exec(entry) ?? [];
    const same = joined.split(ENTRIES).find((text) => ENTRY.exec(text)?.[1] === name);
    if (same === undefined) {
      added.push(entry);
      continue;
    }
    const comments = /^(?: {2}#.*\n)*/.exec(entry)?.[0].replace(/^/gm, '  ').trimEnd();
    const keys = entry.replace(ENTRY, '').trimEnd();
    joined = joined.replace(same, () => {
      const text = [same.trimEnd(), ...(comments ? [comments] : []), keys].join('\n');
      return `${text}${same.slice(same.trimEnd().length)}`;
    });
  }
  return added.length === 0 ? joined : `${joined}\n\n${added.join('').trimEnd()}`;
}
