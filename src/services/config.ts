import type { ComposeProject } from '../project/model.js';
import { isSecretName, redact, Secret } from '../system/secret.js';
import type { ServiceContext } from './context.js';

/** The resolved project with the values of secrets redacted. */
export async function resolvedConfig(context: ServiceContext): Promise<ComposeProject> {
  const project = await (await context.engine()).resolve(context.project());
  return {
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
}

function redactValues(values: Record<string, string | null>): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      if (value === null || value === '') return [name, value];
      return [name, isSecretName(name) ? String(new Secret(value)) : redact(value)];
    }),
  );
}
