import { CommandError } from '../../errors.js';
import { isImageName } from '../../project/image-name.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { ProcessRunner, RunOptions, RunResult } from '../../system/process.js';
import { LABEL_ONE_OFF, LABEL_PROJECT, LABEL_SERVICE } from '../labels.js';
import type {
  DockerInfo,
  DockerSurvey,
  DockerVersions,
  ListedContainer,
  SurveyedContainer,
  SurveyedImage,
  SurveyedNetwork,
  SurveyedVolume,
} from '../survey.js';
import * as argv from './argv.js';
import { composeComplaint } from './docker.js';
import { explainDockerError, saysNotFound } from './errors.js';
import { serviceStatuses } from './parse.js';

/**
 * In milliseconds. An engine that is silent for longer counts as not answering; the docker client itself
 * would wait without limit.
 */
const ENGINE_PATIENCE_MS = 30_000;

/** The docker client of one survey: it explains errors, and ends with the survey's signal. */
interface SurveyClient {
  run(
    args: readonly string[],
    options?: Pick<RunOptions, 'timeoutMs'> & { input?: string },
  ): Promise<RunResult>;
  /** Returns what it prints. @throws what the failing status means */
  succeed(args: readonly string[], timeoutMs?: number): Promise<string>;
  /** `docker … inspect` fails if one name is gone, and prints the others all the same. */
  inspect<T>(args: readonly string[]): Promise<T[]>;
}

/** @param location without one, only the questions that need no project can be asked. */
export function surveyDocker(
  processes: ProcessRunner,
  location: ProjectLocation,
  signal?: AbortSignal,
): DockerSurvey {
  const client = createClient(processes, location, signal);

  const listed = once(async () =>
    linesOf(await client.succeed(['ps', '--all', '--no-trunc', '--format', '{{json .}}'])).map(parseListed),
  );

  const containers = once(async () => {
    const own = (await listed()).filter(({ project, oneOff }) => project === location.name && !oneOff);
    if (own.length === 0) return [];
    return client.inspect<SurveyedContainer>(argv.inspectContainers(own.map(({ id }) => id)));
  });

  const imageCache = new Map<string, Promise<Map<string, SurveyedImage>>>();

  return {
    versions: once(() => readVersions(client)),
    info: once(
      async () => JSON.parse(await client.succeed(['info', '--format', '{{json .}}'])) as DockerInfo,
    ),
    config: once(async () => {
      const result = await client.run(argv.config(location));
      return result.status === 0
        ? { json: JSON.parse(result.stdout) }
        : { complaint: composeComplaint(result.stderr) };
    }),
    listed,
    containers,
    async containersOf(service) {
      return (await containers())
        .filter(({ Config }) => Config.Labels?.[LABEL_SERVICE] === service)
        .sort((a, b) => b.Created.localeCompare(a.Created));
    },
    status: once(async () => serviceStatuses(await containers())),
    images(names) {
      const key = [...names].sort().join('\n');
      const known = imageCache.get(key) ?? readImages(client, names);
      imageCache.set(key, known);
      return known;
    },
    networks: once(async () => {
      const names = linesOf(await client.succeed(['network', 'ls', '--quiet', '--no-trunc']));
      return names.length === 0 ? [] : client.inspect<SurveyedNetwork>(argv.inspectNetworks(names));
    }),
    volumes: once(async () => {
      const names = linesOf(await client.succeed(['volume', 'ls', '--quiet']));
      return names.length === 0 ? [] : client.inspect<SurveyedVolume>(argv.inspectVolumes(names));
    }),
    logs: (containerId, tail) => readLog(client, ['--tail', String(tail), containerId]),
    firstLogs({ Id, Created }, milliseconds, tail) {
      const until = new Date(Date.parse(Created) + milliseconds).toISOString();
      return readLog(client, ['--until', until, '--tail', String(tail), Id]);
    },
    async history(image) {
      return linesOf(
        await client.succeed(['history', '--no-trunc', '--format', '{{.CreatedBy}}', image]),
      ).reverse();
    },
    async hasFile(containerId, path) {
      const { status } = await client.run(['cp', '--quiet', `${containerId}:${path}`, '-']);
      return status === 0;
    },
    exec(containerId, command, input, user) {
      return client.run(
        [
          'exec',
          ...(input === undefined ? [] : ['--interactive']),
          ...(user ? ['--user', user] : []),
          containerId,
          ...command,
        ],
        input === undefined ? {} : { input },
      );
    },
  };
}

function createClient(
  processes: ProcessRunner,
  location: ProjectLocation,
  signal?: AbortSignal,
): SurveyClient {
  async function run(
    args: readonly string[],
    { input, timeoutMs }: Pick<RunOptions, 'timeoutMs'> & { input?: string } = {},
  ): Promise<RunResult> {
    try {
      return await processes.run('docker', args, {
        cwd: location.directory,
        allowFailure: true,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(signal ? { signal } : {}),
        ...(input === undefined ? {} : { input }),
      });
    } catch (error) {
      throw explainDockerError(error);
    }
  }

  return {
    run,
    async succeed(args, timeoutMs) {
      const result = await run(args, timeoutMs === undefined ? {} : { timeoutMs });
      if (result.status === 0) return result.stdout;
      throw failure(result);
    },
    async inspect<T>(args: readonly string[]) {
      const result = await run(args);
      if (result.status !== 0 && !saysNotFound(result.stderr)) throw failure(result);
      return JSON.parse(result.stdout.trim() || '[]') as T[];
    },
  };
}

function failure(result: RunResult): unknown {
  return explainDockerError(
    new CommandError({
      argv: result.argv,
      status: result.status,
      signal: result.signal,
      stderrTail: result.stderr.trim(),
    }),
  );
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

async function readVersions(client: SurveyClient): Promise<DockerVersions> {
  const [server, compose] = await Promise.all([
    client.succeed(['version', '--format', '{{.Client.Version}} {{.Server.Version}}'], ENGINE_PATIENCE_MS),
    client.run(argv.composeVersion()),
  ]);
  const [own = '', version = ''] = server.trim().split(' ');
  return {
    client: own,
    server: version,
    ...(compose.status === 0 ? { compose: compose.stdout.trim().replace(/^v/, '') } : {}),
  };
}

async function readLog(client: SurveyClient, args: readonly string[]): Promise<string[]> {
  const { stdout, stderr } = await client.run(['logs', '--timestamps', ...args]);
  // stdout and stderr arrive separately; the time stamps restore their order.
  return linesOf(`${stdout}\n${stderr}`)
    .sort()
    .map((line) => line.replace(/^\S+ ?/, ''));
}

async function readImages(
  client: SurveyClient,
  names: readonly string[],
): Promise<Map<string, SurveyedImage>> {
  const found = new Map<string, SurveyedImage>();
  // For one name that the engine refuses, it would tell of no other.
  const possible = names.filter(isImageName);
  if (possible.length === 0) return found;
  const images = await client.inspect<SurveyedImage>(argv.inspectImages(possible));
  for (const image of images) {
    found.set(image.Id, image);
    for (const tag of image.RepoTags ?? []) found.set(tag, image);
  }
  for (const name of names) {
    const image = found.get(name) ?? found.get(`${name}:latest`);
    if (image) found.set(name, image);
  }
  return found;
}

function once<T>(gather: () => Promise<T>): () => Promise<T> {
  let known: Promise<T> | undefined;
  return () => {
    known ??= gather();
    return known;
  };
}

function parseListed(line: string): ListedContainer {
  const row = JSON.parse(line) as { ID: string; Names: string; State: string; Labels: string; Ports: string };
  const label = (name: string) =>
    new RegExp(`(?:^|,)${name.replaceAll('.', '\\.')}=([^,]*)`).exec(row.Labels)?.[1];
  const project = label(LABEL_PROJECT);
  const service = label(LABEL_SERVICE);
  const ports = [...row.Ports.matchAll(/(\[?[\d.:a-f]+\]?):(\d+)(?:-(\d+))?->/g)].flatMap(
    ([, host = '', first, last]) => {
      const count = last === undefined ? 1 : Number(last) - Number(first) + 1;
      return Array.from({ length: count }, (_, index) => ({ host, port: Number(first) + index }));
    },
  );
  return {
    id: row.ID,
    name: row.Names,
    state: row.State,
    ...(project ? { project } : {}),
    ...(service ? { service } : {}),
    oneOff: label(LABEL_ONE_OFF) === 'True',
    ports,
  };
}
