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
  /** By environment name; the port of this machine for the API. */
  environments: z.record(scaffoldPath, z.object({ port: z.int().min(1).max(65_535) })).optional(),
});

export type ScaffoldAdditions = z.infer<typeof scaffoldAdditions>;

/** Compose itself merges it over compose.yaml. */
export const DOMAIN_OVERLAY = 'compose.override.yaml';

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
  // Written last: its presence means that the project has the proxy.
  { path: DOMAIN_OVERLAY, source: 'domain/compose.yaml', mode: 0o644 },
];

/** Returns the additions of both, with one domain. */
export function withAdditions(known: ScaffoldAdditions, asked: ScaffoldAdditions): ScaffoldAdditions {
  const ci = CI_SYSTEMS.filter((system) => known.ci?.includes(system) || asked.ci?.includes(system));
  const domain = asked.domain ?? known.domain;
  const environments = { ...known.environments, ...asked.environments };
  return {
    ...(ci.length > 0 ? { ci } : {}),
    ...(domain === undefined ? {} : { domain }),
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
  const files: OwnedFile[] = [];
  for (const { path, source, mode } of wanted.values()) {
    const text = await readFile(join(template.folder, 'additions', source), 'utf8');
    files.push({ path, mode, policy: 'owned', content: Buffer.from(render(text, variables)) });
  }
  for (const [name, { port }] of Object.entries(additions.environments ?? {})) {
    const rendered = await renderEnvironment(template, options, { name, port });
    files.push(...rendered.filter((file): file is OwnedFile => file.policy === 'owned'));
  }
  return files;
}
