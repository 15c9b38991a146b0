import type { ComposeProject } from '../project/model.js';
import { readEnvironment } from '../project/project-environment.js';
import { maskData, secretValues } from '../project/secret-values.js';
import { isSecretName, redact, Secret } from '../system/secret.js';
import type { ServiceContext } from './context.js';

/** The resolved project with the values of secrets redacted, also where they are part of another value. */
export async function resolvedConfig(context: ServiceContext): Promise<ComposeProject> {
  const project = await (await context.engine()).resolve(context.project());
  const redacted = {
    ...project,
    services: Object.fromEntries(
      Object.entries(project.services).map(([name, service]) => [
        name,
        {
          ...service,
          environment: redactValues(service.environment),
          ...(service.build ? { build: { ...service.build, args: redactValues(service.build.args) } } : {}),
        },
      ]),
    ),
  };
  return maskData(redacted, secretsOfProject(context, project));
}

/** Values of the project, its `.env` and the shell that must not be printed. */
export function secretsOfProject(
  { project: locate, env }: ServiceContext,
  project: ComposeProject,
): string[] {
  return secretValues(project, readEnvironment(locate().envFiles, env, () => {}).entries());
}

function redactValues(values: Record<string, string | null>): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      if (value === null || value === '') return [name, value];
      return [name, isSecretName(name) ? String(new Secret(value)) : redact(value)];
    }),
  );
}
