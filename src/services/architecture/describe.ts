import { existsSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import type {
  DatabaseUse,
  Stack,
  StackBuild,
  StackEnvFile,
  StackSecret,
  StackService,
  StackSource,
  StackVariable,
} from '../../architecture/stack.js';
import { looksLikePlaceholder } from '../../doctor/placeholders.js';
import { serviceKeys } from '../../doctor/reading.js';
import { databaseReferences, reachableNames } from '../../doctor/roles.js';
import { UserError } from '../../errors.js';
import { itemsAt } from '../../project/canonical.js';
import { serviceVariables, type VariableSource } from '../../project/environment.js';
import { heldAt, imageKind, imagePort } from '../../project/known-images.js';
import type { ProjectLocation } from '../../project/locate.js';
import { type ComposeProject, type ComposeService, startOrder } from '../../project/model.js';
import { maskText, secretValues } from '../../project/secret-values.js';
import { appService, databaseService, postgresServices } from '../../project/service-roles.js';
import { readSettings } from '../../project/settings-file.js';
import { mapAt, writtenAt } from '../../project/tree.js';
import { isSecretName, Secret } from '../../system/secret.js';
import type { ServiceContext } from '../context.js';
import { buildOf, type Wording } from './build.js';
import { shownCommand, shownScript } from './commands-shown.js';
import { type GitRules, gitRules } from './git-rules.js';
import { healthOf } from './health.js';
import { judge } from './judgement.js';
import { portsOf } from './port-ranges.js';
import { projectFiles } from './project-files.js';
import { type RepositoryReading, readRepository } from './read-repository.js';
import { filesNaming, settingsFile, settingsOfEnvFile } from './settings.js';

/**
 * Describes what a project consists of, from the files of its repository.
 *
 * @throws UserError with exit code 4 for a project that Compose refuses
 */
export async function describeStack(context: ServiceContext): Promise<Stack> {
  const location = context.project();
  const git = gitRules(location.directory);
  const repository = readRepository(location, git);
  const teller = new Teller(location, repository, git);
  const settings = await readSettings(location);
  const { project } = repository.reading;
  const roles = rolesOf(project, settings.services);
  const { checks, checklist } = await judge(context, repository.reading, {
    path: teller.path,
    text: teller.text,
    perMachine: (file) => teller.source(file).perMachine,
  });
  const services = startOrder(project).map((service) => teller.service(service, project));
  const envFiles = teller.envFiles();
  const secrets = teller.secrets(project, services);
  return {
    name: project.name,
    named: repository.named,
    scaffold: existsSync(join(location.directory, '.invctl', 'lock.json')),
    composeFiles: teller.composeFiles(),
    services,
    networks: Object.entries(project.networks).map(([key, network]) => ({
      key,
      ...network,
      services: services.filter(({ networks }) => networks.includes(key)).map(({ name }) => name),
    })),
    volumes: Object.entries(project.volumes).map(([key, volume]) => ({
      key,
      ...volume,
      uses: services.flatMap(({ name, mounts }) =>
        mounts.flatMap(({ type, source, target, readOnly, holds }) =>
          type === 'volume' && source === key
            ? [{ service: name, target, readOnly, ...(holds === undefined ? {} : { holds }) }]
            : [],
        ),
      ),
    })),
    secrets,
    envFiles,
    files: projectFiles(location, git, { composeFiles: teller.composeFiles(), services, secrets, envFiles }),
    open: repository.open,
    ...roles,
    references: referencesOf(project),
    checks,
    checklist,
  };
}

function rolesOf(
  project: ComposeProject,
  named: { database?: string | undefined; app?: string | undefined },
): { database?: string; app?: string } {
  const decided = (find: typeof databaseService) => {
    try {
      return find(project, named).name;
    } catch (error) {
      if (error instanceof UserError && error.code !== 'CONFIG_INVALID') return undefined;
      throw error;
    }
  };
  const database = decided(databaseService);
  const app = decided(appService);
  return { ...(database ? { database } : {}), ...(app ? { app } : {}) };
}

const LOCATES = /HOST|SERVER|ADDR|URL|URI|ENDPOINT|BROKER|UPSTREAM|DSN|CONNECTION/i;

/** The variables in which one service names another one as the address of something. */
function referencesOf(project: ComposeProject): DatabaseUse[] {
  const services = Object.values(project.services);
  const found: DatabaseUse[] = [];
  for (const service of services) {
    for (const [variable, value] of Object.entries(service.environment)) {
      if (!value || (!value.includes('://') && !LOCATES.test(variable))) continue;
      for (const target of services) {
        if (target === service) continue;
        const host = reachableNames(target).find((name) => namesHost(value, name));
        if (host) found.push({ service: service.name, variable, host, target: target.name });
      }
    }
  }
  for (const { service, variable, host } of databaseReferences(project, postgresServices(project))) {
    const known = found.some((one) => one.service === service.name && one.variable === variable);
    if (!known) found.push({ service: service.name, variable, host });
  }
  return found;
}

function namesHost(value: string, name: string): boolean {
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?:^|[/@,\\s])${escaped}(?::\\d+)?(?=[/,\\s?]|$)`).test(value);
}

/** Describes a project's parts without secrets and without anything that differs between machines. */
class Teller implements Wording {
  readonly #location: ProjectLocation;
  readonly #repository: RepositoryReading;
  readonly #git: GitRules;
  readonly #secrets: string[];
  /** The file that each machine has, by the example that was read in its place. */
  readonly #examples: Map<string, string>;

  constructor(location: ProjectLocation, repository: RepositoryReading, git: GitRules) {
    this.#location = location;
    this.#repository = repository;
    this.#git = git;
    const { project, loaded } = repository.reading;
    // An example's password `postgres` is not a secret, and the word occurs in many other places.
    this.#secrets = secretValues(project, loaded.environment.entries()).filter(
      (value) => !looksLikePlaceholder(value) && !value.startsWith('${'),
    );
    this.#examples = new Map(
      [...repository.envFiles.values()].flatMap(({ file, example, read }) =>
        read === 'example' && example !== undefined ? [[example, file] as const] : [],
      ),
    );
  }

  readonly text = (text: string): string => maskText(text, this.#secrets);

  readonly path = (path: string, written?: string): string => {
    // A build context may be an address.
    if (!isAbsolute(path)) return this.text(path);
    const file = this.#examples.get(path) ?? path;
    const inside = relative(this.#location.directory, file);
    if (inside === '') return '.';
    // A path outside of the project is shown as it is written: its relative form differs between machines.
    return this.text(inside.startsWith('..') ? (written ?? inside) : inside);
  };

  source(file: string): Omit<StackSource, 'kind'> {
    return { file: this.path(file), perMachine: this.#examples.has(file) };
  }

  composeFiles(): string[] {
    return this.#location.files.map((file) => this.path(file));
  }

  service(service: ComposeService, project: ComposeProject): StackService {
    const { reading } = this.#repository;
    const keys = serviceKeys(reading, service.name);
    const node = mapAt(reading.loaded.tree, 'services', service.name);
    const limits = keys.deploy?.resources?.limits ?? {};
    const text = (value: unknown) => (value === undefined || value === null ? undefined : String(value));
    const kind = imageKind(service.build ? undefined : service.image);
    const build = buildOf(
      service,
      this.path(service.build?.context ?? '', writtenAt(node, 'build', 'context')),
      this.#sensitive(project),
      this,
    );
    const health = healthOf(service, this);
    const mounts = itemsAt(node, 'volumes');
    const logging = keys.logging;
    const variables = this.#variables(service.name);
    return {
      name: service.name,
      ...optional('kind', kind),
      ...optional('image', service.image && this.text(service.image)),
      ...optional('build', build),
      ...optional('command', service.command && this.text(shownCommand(service.command))),
      ...optional('user', service.user),
      ...optional('restart', service.restart ?? text(keys.deploy?.restart_policy?.condition)),
      profiles: service.profiles,
      ...optional('containerName', service.containerName),
      ports: portsOf(service.ports),
      mounts: [
        ...service.mounts.map(({ type, source, target, readOnly }, index) => ({
          type,
          ...optional(
            'source',
            type === 'bind' && source !== undefined
              ? this.path(source, writtenAt(mounts[index], 'source'))
              : source,
          ),
          target,
          readOnly,
          ...optional('holds', heldAt(service.image, target)),
        })),
        ...tmpfsOf(keys.tmpfs).map((target) => ({ type: 'tmpfs', target, readOnly: false })),
      ],
      secrets: service.secrets.map(({ source, target }) => ({ name: source, target })),
      dependsOn: Object.entries(service.dependsOn).map(([name, dependency]) => ({
        service: name,
        ...dependency,
      })),
      ...optional('health', health),
      networks: service.networks,
      ...optional('networkMode', service.networkMode),
      variables,
      ...optional('settingsIn', service.build && this.#settingsOf(service.build.context, variables)),
      ...optional(
        'listens',
        service.ports[0]?.target.toString() ??
          exposedPort(build) ??
          imagePort(service.build ? undefined : service.image),
      ),
      ...optional('memory', text(limits.memory ?? keys.mem_limit)),
      ...optional('cpus', text(limits.cpus ?? keys.cpus)),
      ...optional('pids', text(limits.pids ?? keys.pids_limit)),
      ...optional('stopGrace', text(keys.stop_grace_period)),
      readOnly: keys.read_only === true,
      dropsCapabilities: Array.isArray(keys.cap_drop) && keys.cap_drop.map(String).includes('ALL'),
      privileged: keys.privileged === true,
      ...optional(
        'logs',
        text(logging?.options?.['max-size']) ??
          (logging?.driver && logging.driver !== 'json-file' ? text(logging.driver) : undefined),
      ),
      oneShot: Object.values(project.services).some(
        ({ dependsOn }) => dependsOn[service.name]?.condition === 'service_completed_successfully',
      ),
    };
  }

  #variables(service: string): StackVariable[] {
    const variables = serviceVariables(this.#repository.reading.loaded, service, () => {});
    return [...variables.values()]
      .map(({ name, sources }) => {
        const [winner, ...losers] = sources;
        return {
          name,
          value: this.#value(name, winner),
          source: this.#source(winner),
          shadows: losers.map((source) => ({ ...this.#source(source), value: this.#value(name, source) })),
          uses: winner.interpolated.map((one) => one.name),
        };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #source({ kind, at }: VariableSource): StackSource {
    const file = at?.file ?? (this.#location.files[0] as string);
    return { kind: kind === 'env_file' ? 'env_file' : 'environment', ...this.source(file) };
  }

  #value(name: string, { value, interpolated }: VariableSource): string | Secret | null {
    if (value === null || value === '') return value;
    if (isSecretName(name) || interpolated.some((one) => one.value && isSecretName(one.name)))
      return new Secret(value);
    return this.text(shownScript(value) === value ? value : shownScript(value));
  }

  envFiles(): StackEnvFile[] {
    return [...this.#repository.envFiles.values()].map(({ file, example, read: what, services }) => {
      const ignored = this.#git.ignores(file);
      return {
        file: this.path(file),
        ...optional('example', example && relative(this.#location.directory, example)),
        services,
        ...optional('ignored', ignored),
        read: what,
        settings: what === 'nothing' ? [] : settingsOfEnvFile(example ?? file, this.text),
      };
    });
  }

  secrets(project: ComposeProject, services: readonly StackService[]): StackSecret[] {
    return Object.entries(project.secrets).map(([name, { file, environment, external }]) => ({
      name,
      ...optional(
        'file',
        file && this.path(file, writtenAt(this.#repository.reading.loaded.tree, 'secrets', name, 'file')),
      ),
      ...optional('environment', environment),
      external,
      ...optional('ignored', file && this.#isInside(file) ? this.#git.ignores(file) : undefined),
      grants: services.flatMap((service) =>
        service.secrets
          .filter((grant) => grant.name === name)
          .map(({ target }) => ({
            service: service.name,
            target,
            variables: service.variables.flatMap((variable) =>
              variable.value === target ? [variable.name] : [],
            ),
            ...optional('readIn', this.#readIn(project.services[service.name], name, service.settingsIn)),
          })),
      ),
    }));
  }

  #settingsOf(context: string, variables: readonly StackVariable[]): string | undefined {
    const path = settingsFile(
      variables.map(({ name }) => name),
      context,
    );
    return path === undefined ? undefined : this.path(join(context, path));
  }

  /** Files that no image should hold. */
  #sensitive({ secrets }: ComposeProject): string[] {
    const files = Object.values(secrets).flatMap(({ file }) => file ?? []);
    return [...new Set([...this.#repository.envFiles.keys(), ...files])];
  }

  #isInside(file: string): boolean {
    return !relative(this.#location.directory, file).startsWith('..');
  }

  #readIn(
    service: ComposeService | undefined,
    secret: string,
    settingsIn: string | undefined,
  ): string | undefined {
    const context = service?.build?.context;
    if (context === undefined) return undefined;
    const files = filesNaming(secret, context).map((path) => this.path(join(context, path)));
    return files.find((file) => file === settingsIn) ?? files[0];
  }
}

function exposedPort(build: StackBuild | undefined): string | undefined {
  const final = build?.stages.find((stage) => stage.final);
  return final?.steps
    .filter(({ keyword }) => keyword === 'EXPOSE')
    .at(-1)
    ?.text.match(/^\d+/)?.[0];
}

function tmpfsOf(value: unknown): string[] {
  const list = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
  return list.map((entry) => String(entry).split(':')[0] as string);
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined || value === '' ? {} : ({ [key]: value } as { [key in K]: V });
}
