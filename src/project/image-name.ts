import { ExitCode, UserError } from '../errors.js';
import { type ComposeProject, type ComposeService, imageName } from './model.js';

/** What a path of an image name is made of. Source: distribution/reference, `regexp.go`. */
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;

/** Whether Docker takes this for the name of an image, with or without its tag and digest. */
export function isImageName(name: string): boolean {
  const untagged = name.replace(/@.*$/s, '').replace(/:\w[\w.-]{0,127}$/, '');
  const [first = '', ...rest] = untagged.split('/');
  // Docker takes what comes first for a registry where it has a dot, a port or an upper-case letter.
  const isRegistry =
    rest.length > 0 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first);
  return (isRegistry ? rest : [first, ...rest]).every((component) => PATH_COMPONENT.test(component));
}

/**
 * Refuses services whose image Docker would refuse by its name. Of a service with a `build` and no `image`, Compose makes
 * the name out of those of the project and of the service, and a service may be called what an image may not.
 *
 * @throws UserError IMAGE_NAME_REFUSED
 */
export function assertImageNames(
  project: Pick<ComposeProject, 'name'>,
  services: readonly Pick<ComposeService, 'name' | 'image'>[],
): void {
  for (const service of services) {
    const name = imageName(project, service);
    if (isImageName(name)) continue;
    const rule = 'lower-case letters and digits alone, with ., _, __ or - between them';
    const subject =
      service.image === undefined
        ? `the image of the service "${service.name}" is called ${name}, after the service`
        : `the service "${service.name}" has the image ${name}`;
    throw new UserError({
      code: 'IMAGE_NAME_REFUSED',
      message: `${subject}, and Docker refuses this name: ${rule}`,
      hint: `write under the service "${service.name}" in the compose file: image: ${possibleName(name)}`,
      exitCode: ExitCode.projectInvalid,
    });
  }
}

/** The name as near as possible to one that is refused. */
function possibleName(name: string): string {
  const [, path = name, tag = ''] = /^(.*?)(:\w[\w.-]*)?$/s.exec(name) ?? [];
  const components = path.toLowerCase().split('/');
  const possible = components.map((component) =>
    component
      .replaceAll(/[^a-z0-9]+/g, (between) => (/^(?:[._]|__|-+)$/.test(between) ? between : '-'))
      .replace(/^[._-]+|[._-]+$/g, ''),
  );
  return `${possible.filter(Boolean).join('/')}${tag}`;
}
