import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { renderEnvironment } from './environment.js';
import { scaffoldPath, type Template } from './manifest.js';
import { type ScaffoldOptions, templateVariables } from './options.js';
import { render } from './render.js';
import type { ScaffoldFile } from './scaffold.js';

export const CI_SYSTEMS = ['github', 'gitlab'] as const;
export type CiSystem = (typeof CI_SYSTEMS)[number];

/** What a scaffold was asked for beyond its options. Field names are those of `.invctl/lock.json`. */
export const scaffoldAdditions = z.object({
  ci: z.array(z.enum(CI_SYSTEMS)).optional(),
  /** By name; the port of this machine for the API. */
  environments: z.record(scaffoldPath, z.object({ port: z.int().min(1).max(65_535) })).optional(),
});

export type ScaffoldAdditions = z.infer<typeof scaffoldAdditions>;

type OwnedFile = Extract<ScaffoldFile, { policy: 'owned' }>;

interface AdditionFile {
  path: string;
  /** Below `additions/` of the template. */
  source: string;
  mode: number;
}

const DEPLOY: AdditionFile = { path: '.ci/deploy.sh', source: 'ci/deploy.sh', mode: 0o755 };
const CI_FILES: Record<CiSystem, readonly AdditionFile[]> = {
  github: [DEPLOY, { path: '.github/workflows/delivery.yml', source: 'ci/github.yml', mode: 0o644 }],
  gitlab: [DEPLOY, { path: '.gitlab-ci.yml', source: 'ci/gitlab.yml', mode: 0o644 }],
};

/** Both, where both are named. */
export function withAdditions(known: ScaffoldAdditions, asked: ScaffoldAdditions): ScaffoldAdditions {
  const ci = CI_SYSTEMS.filter((system) => known.ci?.includes(system) || asked.ci?.includes(system));
  const environments = { ...known.environments, ...asked.environments };
  return {
    ...(ci.length > 0 ? { ci } : {}),
    ...(Object.keys(environments).length > 0 ? { environments } : {}),
  };
}

/** The files of the additions that the template owns, in the order in which they are written. */
export async function renderAdditions(
  template: Template,
  options: ScaffoldOptions,
  additions: ScaffoldAdditions,
): Promise<OwnedFile[]> {
  const variables = { ...templateVariables(options), version: template.version };
  const wanted = new Map<string, AdditionFile>();
  for (const system of additions.ci ?? []) for (const file of CI_FILES[system]) wanted.set(file.path, file);
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
