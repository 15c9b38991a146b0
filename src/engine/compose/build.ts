import { readFile } from 'node:fs/promises';
import { CommandError, UserError } from '../../errors.js';
import { dockerfilePath } from '../../project/build-context.js';
import { assertImageNames } from '../../project/image-name.js';
import type { ProjectLocation } from '../../project/locate.js';
import { type ComposeProject, type ComposeService, imageName } from '../../project/model.js';
import type { BuildOptions, BuildResult, BuildStep } from '../engine.js';
import { firstSourceError } from '../source-error.js';
import * as argv from './argv.js';
import { BuildLogReader } from './build-log.js';
import { BuiltImages } from './built-images.js';
import type { Docker } from './docker.js';
import { explainDockerError } from './errors.js';

const LOG_LINES_SHOWN = 15;

/** As {@link buildImages}, with the sizes of the images. */
export async function buildAndMeasure(
  docker: Docker,
  location: ProjectLocation,
  project: ComposeProject,
  options: BuildOptions,
  onStep: (step: BuildStep) => void,
): Promise<BuildResult[]> {
  const { services, steps, seconds } = await buildImages(docker, location, project, options, onStep);
  return Promise.all(
    services.map(async (service) => {
      const image = imageName(project, service);
      const base = await baseImage(service);
      const [built] = await docker.inspect<{ Size: number }>(argv.inspectImages([image]));
      const [from] = base ? await docker.inspect<{ Size: number }>(argv.inspectImages([base])) : [];
      return {
        service: service.name,
        image,
        ...(built ? { bytes: built.Size } : {}),
        ...(from ? { baseBytes: from.Size } : {}),
        steps: steps.filter((step) => step.service === service.name),
        seconds,
      };
    }),
  );
}

/** @throws UserError IMAGE_NAME_REFUSED before anything is built; BUILD_FAILED with the last lines of the log */
export async function buildImages(
  docker: Docker,
  location: ProjectLocation,
  project: ComposeProject,
  options: BuildOptions,
  onStep: (step: BuildStep) => void,
): Promise<{ services: ComposeService[]; steps: BuildStep[]; seconds: number }> {
  const services = Object.values(project.services).filter(
    (service) => service.build && (options.services.length === 0 || options.services.includes(service.name)),
  );
  if (services.length === 0) return { services, steps: [], seconds: 0 };
  assertImageNames(project, services);
  const images = new BuiltImages(docker, location, withArguments(project, options.args));
  const noteBuilt = await images.begin(services.map(({ name }) => name));
  const steps: BuildStep[] = [];
  const log: string[] = [];
  const reader = new BuildLogReader();
  const started = Date.now();
  const shown = new Map<string, string>();
  const read = (line: string) => {
    log.push(line);
    const step = reader.read(line);
    if (step) {
      steps.push(step);
      onStep(step);
    }
    for (const running of options.onRunning ? reader.running() : []) {
      const text = JSON.stringify(running);
      if (shown.get(running.service) === text) continue;
      shown.set(running.service, text);
      options.onRunning?.(running);
    }
  };
  try {
    // Compose 2.26 prints the build log on stdout, later versions on stderr.
    const lines = docker.processes.lines('docker', argv.build(location, options), {
      cwd: location.directory,
      ...(options.signal ? { signal: options.signal } : {}),
      onStderrLine: read,
    });
    for await (const line of lines) read(line);
  } catch (error) {
    const explained = explainDockerError(error);
    throw explained instanceof CommandError
      ? buildFailed(explained, services, log, location.host?.remote !== undefined)
      : explained;
  }
  await noteBuilt();
  return { services, steps, seconds: (Date.now() - started) / 1000 };
}

function withArguments(project: ComposeProject, args: BuildOptions['args']): ComposeProject {
  if (!args) return project;
  const services = Object.entries(project.services).map(([name, service]) => {
    const build = service.build && { ...service.build, args: { ...service.build.args, ...args } };
    return [name, build ? { ...service, build } : service] as const;
  });
  return { ...project, services: Object.fromEntries(services) };
}

/** The argument by which a Dockerfile leaves out checks (`after`) that it does in every other build (`before`). */
const CHECKS_ARGUMENT = 'INVCTL_CHECKS';

/** Returns the arguments that leave out the checks of these services; undefined if one does not declare them. */
export async function argumentsToCheckLater(
  project: ComposeProject,
  services: readonly string[],
): Promise<BuildOptions['args']> {
  const declared = await Promise.all(
    services.map(async (name) => {
      const text = await dockerfileText(project.services[name] as ComposeService);
      return text !== undefined && declaresArgument(text, CHECKS_ARGUMENT);
    }),
  );
  return declared.every(Boolean) ? { [CHECKS_ARGUMENT]: 'after' } : undefined;
}

/** Whether the Dockerfile declares the argument before its first stage, where a `FROM` can use it. */
export function declaresArgument(dockerfile: string, name: string): boolean {
  const [before = ''] = dockerfile.split(/^\s*FROM\s/im);
  return new RegExp(`^\\s*ARG\\s+(?:\\S+\\s+)*${name}(?:[=\\s]|$)`, 'im').test(before);
}

/** Returns the image that the last stage of a Dockerfile starts from; undefined if an ARG decides it. */
async function baseImage(service: ComposeService): Promise<string | undefined> {
  const text = await dockerfileText(service);
  return text === undefined ? undefined : lastBaseImage(text, service.build?.target);
}

async function dockerfileText({ build }: ComposeService): Promise<string | undefined> {
  if (!build || /^[a-z]+:\/\//i.test(build.context)) return undefined;
  return build.dockerfileInline ?? readFile(dockerfilePath(build), 'utf8').catch(() => undefined);
}

/** @param target the stage that is built; default: the last one. */
export function lastBaseImage(dockerfile: string, target?: string): string | undefined {
  const stages = new Map<string, string>();
  let last: string | undefined;
  for (const match of dockerfile.matchAll(/^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/gim)) {
    const [, from = '', stage] = match;
    last = stages.get(from.toLowerCase()) ?? from;
    if (stage) stages.set(stage.toLowerCase(), last);
    if (target && stage?.toLowerCase() === target.toLowerCase()) break;
  }
  return last?.includes('$') ? undefined : last;
}

/** Returns every image that a Dockerfile starts from or copies out of, except its own stages. */
export function baseImages(dockerfile: string): string[] {
  const stages = new Set<string>();
  const images = new Set<string>();
  for (const match of dockerfile.matchAll(
    /^\s*(?:FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?|COPY\s+(?:--\S+\s+)*--from=(\S+))/gim,
  )) {
    const [, from, stage, copied] = match;
    const image = from ?? copied ?? '';
    const own = stages.has(image.toLowerCase()) || image === 'scratch' || /^\d+$/.test(image);
    if (!own && !image.includes('$')) images.add(image);
    if (stage) stages.add(stage.toLowerCase());
  }
  return [...images];
}

/**
 * Makes the error of a failed build: the last lines of its log, and the place in the source if a compiler
 * named one.
 */
function buildFailed(
  error: CommandError,
  services: readonly ComposeService[],
  log: readonly string[],
  remote: boolean,
): UserError {
  const lines = log.filter((line) => line.trim() !== '');
  const contexts = services.flatMap(({ build }) => (build ? [build.context] : []));
  const place = contexts
    .map((context) => firstSourceError(lines, context))
    .find((found) => found !== undefined);
  const unreached = place ? undefined : unreachedAddress(lines);
  const reason = place?.message ?? unreached;
  return new UserError({
    code: 'BUILD_FAILED',
    message: `the image was not built:${reason === undefined ? '' : ` ${reason}`}\n${lines.slice(-LOG_LINES_SHOWN).join('\n')}`,
    hint: unreached
      ? remote
        ? 'invctl up --no-build      (once this machine has built it, by build without --host: the image is sent. Or give that machine a way out: DNS, proxy)'
        : 'invctl build      (once the engine has a way out: DNS, or HTTPS_PROXY as a build argument)'
      : 'mend what the last lines name, then: invctl build',
    ...(place ? { file: place.file, line: place.line, details: { reason: place.message } } : {}),
    cause: error,
  });
}

/** Messages of a name or an address that is not reached: of Node.js, glibc, apt, curl, git, Go and musl. */
const UNREACHED =
  /\b(?:getaddrinfo )?(?:EAI_AGAIN|ENOTFOUND|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT)\b(?: [\w.:-]+)?|Temporary failure (?:in name resolution|resolving '[^']*')|Could not resolve (?:host: \S+|'[^']*')|Name or service not known|Network is unreachable|dial tcp\S* .*(?:i\/o timeout|no such host|server misbehaving)|bad address '[^']*'/i;

/** Returns why a build got nothing from the network, by the last line that says so. */
export function unreachedAddress(log: readonly string[]): string | undefined {
  const said = log.map((line) => UNREACHED.exec(line)?.[0]).findLast(Boolean);
  return said && `the machine that builds does not reach the network (${said})`;
}
