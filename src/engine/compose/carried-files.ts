import { createHmac } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { ExitCode, UserError } from '../../errors.js';
import type { ComposeConfig } from '../../project/from-config.js';
import type { ProjectLocation } from '../../project/locate.js';
import { explainReadError } from '../../system/files.js';
import type { RemoteHost } from '../../system/ssh/remote-host.js';

/**
 * Copies the files of this machine that containers mount to the machine on which the containers run. See
 * docs/adr/0035. They are kept below `~/.invctl/PROJECT` of the host, a folder that only its user can enter.
 * `files/` has copies of secrets, configs and read-only mounts; the name of each copy depends on its content,
 * so a changed file makes Compose recreate its container. `kept/` has the folders that services write to.
 */

/** Largest total size of all carried files, in bytes. More data belongs into an image or a volume. */
const MOST_BYTES = 100e6;
/** The image only reads this folder, even if the mount is writable. */
const INIT_SCRIPTS = '/docker-entrypoint-initdb.d';
const POSTGRES_DATA = /^\/var\/lib\/postgresql(\/|$)/;

type Json = Record<string, unknown>;

interface Item {
  /** Absolute path here. */
  source: string;
  /** The path is `files/…` or `kept/…`; the rest of it needs the host's salt. */
  kind: 'files' | 'kept';
  /** Files and folders below the item's own folder. */
  entries: Entry[];
}

interface Entry {
  path: string;
  type: 'File' | 'Directory' | 'SymbolicLink';
  mode: number;
  content: Buffer;
  link?: string;
}

/** A bind mount that may have to be carried. */
interface Bind {
  service: string;
  source: string;
  target: string;
  readOnly: boolean;
  /** The mount as it is in Compose's JSON. */
  written: Json;
}

interface HostFolder {
  root: string;
  salt: string;
  has: ReadonlySet<string>;
  /** Those of the requested paths that exist on the host. */
  there: ReadonlySet<string>;
}

const PREPARE = `
umask 077
root=$HOME/.invctl/$1
shift
mkdir -p "$root/files" "$root/kept" || exit 1
if [ ! -s "$root/salt" ]; then
  head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n' >"$root/salt.new" && mv "$root/salt.new" "$root/salt" || exit 1
fi
echo "root=$root"
echo "salt=$(cat "$root/salt")"
for one in files kept; do
  for name in "$root/$one"/*; do [ -e "$name" ] && echo "has=$one/\${name##*/}"; done
done
for path do [ -e "$path" ] && echo "there=$path"; done
exit 0
`;

/** Each file gets its final name only after it is complete. */
const TAKE = `
umask 077
cd "$1" && rm -rf incoming && mkdir incoming || exit 1
if tar -xpf - -C incoming; then
  for one in files kept; do
    for name in incoming/$one/*; do [ -e "$name" ] && { mv "$name" "$one/" || exit 1; }; done
  done
  rm -rf incoming
else
  rm -rf incoming
  exit 1
fi
`;

const TIDY = `
cd "$HOME/.invctl/$1" 2>/dev/null || exit 0
shift
for name in files/*; do
  for keep do [ "$keep" = "\${name##*/}" ] && continue 2; done
  rm -rf "$name"
done
exit 0
`;

/**
 * Copied files are removed; folders that services write to are data, and are removed only together with the
 * volumes.
 */
const REMOVE = `
cd "$HOME/.invctl" 2>/dev/null || exit 0
rm -rf "$1/files" "$1/incoming"
[ "$2" = all ] && rm -rf "$1/kept"
if [ ! -d "$1/kept" ] || rmdir "$1/kept" 2>/dev/null; then rm -rf "$1"; fi
cd / && rmdir "$HOME/.invctl" 2>/dev/null
exit 0
`;

/**
 * Copies to the host what the containers of some services mount.
 * @param config the output of `docker compose config`
 * @returns the location with the compose file that a `docker compose` command needs to make containers there
 * @throws UserError REMOTE_DATA_BIND, CARRY_TOO_LARGE (exit 4), HOST_COMMAND_FAILED
 */
export async function carryFiles(
  location: ProjectLocation,
  config: ComposeConfig,
  services: ReadonlySet<string>,
  warn: (message: string) => void,
): Promise<ProjectLocation> {
  const remote = location.host?.remote;
  if (!remote) return location;
  const binds = bindsOf(config, services);
  for (const bind of binds) assertNoData(location, bind, remote);
  const shared = sharedFiles(config);
  const outside = binds.filter(({ source }) => !isInside(location, source)).map(({ source }) => source);
  const host = await prepare(remote, location.name, outside);

  const items = new Map<string, Item>();
  for (const { source } of shared)
    items.set(source, { source, kind: 'files', entries: readEntries(source, 'files') });
  const carried = binds.filter((bind) => isCarried(location, bind, host));
  for (const bind of carried) {
    const kind = isKept(bind) ? 'kept' : 'files';
    items.set(`${kind} ${bind.source}`, {
      source: bind.source,
      kind,
      entries: readEntries(bind.source, kind),
    });
  }
  assertSize([...items.values()]);

  const places = new Map<string, string>();
  const missing: { place: string; item: Item }[] = [];
  for (const [key, item] of items) {
    const place = placeOf(item, location, host.salt);
    places.set(key, `${host.root}/${place}`);
    const own = place.split('/').slice(0, 2).join('/');
    if (host.has.has(own)) continue;
    missing.push({ place: own, item });
    if (item.kind === 'kept') warn(keptWarning(location, carried, item, remote, `${host.root}/${place}`));
  }
  if (missing.length > 0) await send(remote, host.root, missing);

  const file = join(remote.folder, `${location.name}.override.json`);
  await writeFile(file, JSON.stringify(overrideOf(config, shared, carried, places), null, 2), {
    mode: 0o600,
  });
  return { ...location, files: [...location.files, file], explicitFiles: true };
}

/**
 * Removes the copies that no container of the project mounts any more.
 * @param mounted paths on the host
 */
export async function tidyCarried(location: ProjectLocation, mounted: readonly string[]): Promise<void> {
  const names = mounted.flatMap((path) => /\/\.invctl\/[^/]+\/files\/([^/]+)/.exec(path)?.[1] ?? []);
  await location.host?.remote?.script(TIDY, [location.name, ...new Set(names)]);
}

/**
 * Removes everything that was carried, when no container is left.
 * @param all also the folders that services wrote to
 */
export async function removeCarried(location: ProjectLocation, all: boolean): Promise<void> {
  await location.host?.remote?.script(REMOVE, [location.name, all ? 'all' : 'copies']);
}

function bindsOf(config: ComposeConfig, services: ReadonlySet<string>): Bind[] {
  return Object.entries(config.services).flatMap(([service, { volumes }]) =>
    services.has(service)
      ? (volumes ?? []).flatMap((written): Bind[] =>
          written.type === 'bind' && written.source
            ? [
                {
                  service,
                  source: written.source.replaceAll('$$', '$'),
                  target: written.target.replaceAll('$$', '$'),
                  readOnly: (written as Json).read_only === true,
                  written,
                },
              ]
            : [],
        )
      : [],
  );
}

/** Returns the secrets and configs that are files. The preflight reports a file that does not exist. */
function sharedFiles(
  config: ComposeConfig,
): { section: 'secrets' | 'configs'; key: string; source: string }[] {
  return (['secrets', 'configs'] as const).flatMap((section) =>
    Object.entries(config[section] ?? {}).flatMap(([key, value]) => {
      const { file } = (value ?? {}) as { file?: string };
      const source = file?.replaceAll('$$', '$');
      return source !== undefined && statOf(source)?.isFile() ? [{ section, key, source }] : [];
    }),
  );
}

function assertNoData(
  location: ProjectLocation,
  { service, source, target, readOnly }: Bind,
  remote: RemoteHost,
): void {
  if (readOnly || target === INIT_SCRIPTS) return;
  const ours = isInside(location, source) || statOf(source)?.isDirectory();
  if (!ours || !(POSTGRES_DATA.test(target) || statOf(join(source, 'PG_VERSION')))) return;
  throw new UserError({
    code: 'REMOTE_DATA_BIND',
    message: `"${service}" keeps a database in ${shown(location, source)}, a folder of this machine, and ${remote.address.host} has none of its data`,
    hint: `use a named volume for ${target} in the compose file; the data comes along by: invctl db backup here, invctl db restore there`,
    exitCode: ExitCode.projectInvalid,
  });
}

/**
 * False for a path outside the project that exists on the host, such as /etc/localtime or the engine's
 * socket: the host's own is mounted.
 */
function isCarried(location: ProjectLocation, bind: Bind, host: HostFolder): boolean {
  const stat = statOf(bind.source);
  if (stat && !stat.isFile() && !stat.isDirectory()) return false;
  if (isInside(location, bind.source)) return true;
  return stat !== undefined && !host.there.has(bind.source);
}

function isKept({ source, target, readOnly }: Bind): boolean {
  return !readOnly && target !== INIT_SCRIPTS && !statOf(source)?.isFile();
}

function keptWarning(
  location: ProjectLocation,
  binds: readonly Bind[],
  { source, entries }: Item,
  { address }: RemoteHost,
  place: string,
): string {
  const services = binds.filter((bind) => bind.source === source).map(({ service }) => `"${service}"`);
  const copied = entries.length > 1 ? 'was copied, once, and is' : 'is';
  return `${shown(location, source)}, which ${[...new Set(services)].join(' and ')} may write to, ${copied} a folder of ${address.host} from now on: ${place}. A mount with :ro is carried at each up`;
}

function readEntries(source: string, kind: Item['kind']): Entry[] {
  const entries: Entry[] = [];
  const add = (path: string, at: string, stat: Stats) => {
    if (stat.isDirectory()) {
      entries.push({
        path,
        type: 'Directory',
        mode: kind === 'kept' ? 0o777 : 0o755,
        content: Buffer.alloc(0),
      });
      for (const name of readdirSync(at).sort()) {
        const below = join(at, name);
        add(`${path}/${name}`, below, lstatSync(below));
      }
    } else if (stat.isSymbolicLink()) {
      entries.push({
        path,
        type: 'SymbolicLink',
        mode: 0o777,
        content: Buffer.alloc(0),
        link: readlinkSync(at),
      });
    } else if (stat.isFile()) {
      const executable = (stat.mode & 0o111) !== 0 ? 0o111 : 0;
      // Readable by everybody, because the container may run as any user. Other users of the host cannot
      // enter the folder above.
      const mode = (kind === 'kept' ? 0o666 : 0o444) | executable;
      assertSize([{ source, kind, entries }], stat.size);
      entries.push({ path, type: 'File', mode, content: readFileSync(at) });
    }
  };
  const stat = statOf(source);
  try {
    if (stat) add(basename(source), source, stat);
    else entries.push({ path: basename(source), type: 'Directory', mode: 0o777, content: Buffer.alloc(0) });
  } catch (error) {
    throw explainReadError(error, source);
  }
  return entries;
}

function assertSize(items: readonly Item[], more = 0): void {
  const sizeOf = ({ entries }: Item) => entries.reduce((sum, { content }) => sum + content.length, 0);
  const bytes = items.reduce((sum, item) => sum + sizeOf(item), more);
  if (bytes <= MOST_BYTES) return;
  const [largest] = [...items].sort((a, b) => sizeOf(b) - sizeOf(a));
  throw new UserError({
    code: 'CARRY_TOO_LARGE',
    message: `the mounted files are ${Math.round(bytes / 1e6)} MB, most of them in ${largest?.source}; no more than ${MOST_BYTES / 1e6} MB are copied to another machine`,
    hint: 'copy them into the image (COPY in the Dockerfile), or mount a named volume',
    exitCode: ExitCode.projectInvalid,
  });
}

/** The name changes with the content. Because of the salt it does not reveal the content. */
function placeOf({ source, kind, entries }: Item, location: ProjectLocation, salt: string): string {
  const hash = createHmac('sha256', salt);
  if (kind === 'kept') hash.update(relative(location.directory, source));
  else {
    for (const { path, type, mode, link = '', content } of entries) {
      hash.update(`${type} ${mode} ${content.length} ${path}\0${link}\0`).update(content);
    }
  }
  return `${kind}/${hash.digest('hex').slice(0, 20)}/${basename(source)}`;
}

async function prepare(remote: RemoteHost, project: string, paths: readonly string[]): Promise<HostFolder> {
  const { stdout } = await remote.script(PREPARE, [project, ...new Set(paths)]);
  const values = (name: string) =>
    stdout.split('\n').flatMap((line) => (line.startsWith(`${name}=`) ? [line.slice(name.length + 1)] : []));
  return {
    root: values('root')[0] ?? '',
    salt: values('salt')[0] ?? '',
    has: new Set(values('has')),
    there: new Set(values('there')),
  };
}

async function send(
  remote: RemoteHost,
  root: string,
  items: readonly { place: string; item: Item }[],
): Promise<void> {
  await remote.script(TAKE, [root], { input: Readable.from(archive(items)) });
}

async function* archive(items: readonly { place: string; item: Item }[]): AsyncGenerator<Buffer> {
  const { Header, Pax } = await import('tar');
  const mtime = new Date();
  for (const { place, item } of items) {
    const folder: Entry = { path: '', type: 'Directory', mode: 0o755, content: Buffer.alloc(0) };
    for (const { path, type, mode, content, link } of [folder, ...item.entries]) {
      const fields = {
        path: type === 'Directory' ? `${join(place, path)}/` : join(place, path),
        type,
        mode,
        size: content.length,
        mtime,
        uid: 0,
        gid: 0,
        ...(link === undefined ? {} : { linkpath: link }),
      };
      const header = new Header(fields);
      if (header.encode())
        yield new Pax({ path: fields.path, ...(link === undefined ? {} : { linkpath: link }) }).encode();
      yield header.block as Buffer;
      if (content.length === 0) continue;
      yield content;
      yield Buffer.alloc((512 - (content.length % 512)) % 512);
    }
  }
  yield Buffer.alloc(1024);
}

/**
 * Writes the override file as JSON, which is valid YAML. Dollar signs are doubled, because Compose halves
 * them when it reads the file.
 */
function overrideOf(
  config: ComposeConfig,
  shared: ReturnType<typeof sharedFiles>,
  binds: readonly Bind[],
  places: ReadonlyMap<string, string>,
): Json {
  const doubled = (path: string | undefined) => path?.replaceAll('$', '$$$$');
  const section = (name: 'secrets' | 'configs') =>
    Object.fromEntries(
      shared
        .filter((one) => one.section === name)
        .map(({ key, source }) => [key, { file: doubled(places.get(source)) }]),
    );
  const services = Object.fromEntries(
    Object.keys(config.services).flatMap((service) => {
      const own = binds.filter((bind) => bind.service === service);
      if (own.length === 0) return [];
      const volumes = own.map((bind) => ({
        ...bind.written,
        source: doubled(places.get(`${isKept(bind) ? 'kept' : 'files'} ${bind.source}`)),
      }));
      return [[service, { volumes }]];
    }),
  );
  return { services, secrets: section('secrets'), configs: section('configs') };
}

function isInside({ directory }: ProjectLocation, path: string): boolean {
  const way = relative(directory, path);
  return way !== '..' && !way.startsWith('../');
}

function shown({ directory }: ProjectLocation, path: string): string {
  const inside = relative(directory, path);
  return inside.startsWith('..') ? path : inside || '.';
}

function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}
