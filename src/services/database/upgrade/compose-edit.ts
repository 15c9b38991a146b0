import { parseDocument } from 'yaml';
import { UserError } from '../../../errors.js';
import { imageOfMajor, postgresImage } from '../../../postgres/image.js';
import { applyEdits, type ScalarEdit } from '../../../project/compose-text.js';
import type { ComposeMount, ComposeProject, ComposeService } from '../../../project/model.js';
import { parseMount } from '../../../project/mounts.js';
import { receiverName } from '../../../project/receiver.js';

interface FileChange {
  file: string;
  edits: ScalarEdit[];
  /** The file's text before and afterwards. */
  before: string;
  text: string;
}

/** The parts of a project that change with the major version of its PostgreSQL, and the file of its service. */
export interface MajorChange extends FileChange {
  image: { before: string; after: string };
  volume: {
    before: VolumePlace;
    after: VolumePlace;
  };
  /** Absent: the receiver of the protection is in the same file, or needs no edit. */
  receiver?: FileChange;
}

export interface VolumePlace {
  /** Key under `volumes` of the compose file. */
  key: string;
  /** The engine's name of the volume. */
  name: string;
  /** Mount point in the container. */
  target: string;
}

export interface MajorChangeInput {
  project: ComposeProject;
  service: ComposeService;
  /** Compose files in merge order. */
  files: readonly ComposeFile[];
  /** The server's major. */
  from: number;
  /**
   * Major that the image's tag names. It differs from the server's when the server does not run from its
   * image.
   */
  imageMajor: number;
  to: number;
  /** The server's data folder in the container. */
  dataDirectory: string;
}

/**
 * Where the official image keeps its data up to 17; from 18 on, the mount point is the folder above
 * (docker-library/postgres#1259).
 */
const DATA_PATH = { upTo17: '/var/lib/postgresql/data', from18: '/var/lib/postgresql' };

/**
 * The smallest edit of a compose file that gives its database the next major and a volume of its own.
 * @throws UserError COMPOSE_NOT_EDITABLE naming what to change by hand.
 */
export function planMajorChange(input: MajorChangeInput): MajorChange {
  const wanted = wantedOf(input);
  assertNextImage(input, wanted);
  const place = databaseFile(input, wanted);
  const volume = volumeChange(input, wanted, place);
  const edits = databaseEdits(input, wanted, place, volume);
  return {
    ...withReceiver(input, wanted, place, edits),
    image: wanted.image,
    volume: { before: volume.before, after: volume.after },
  };
}

/** What the database's service has to get. */
interface Wanted {
  /** `after` is empty where the image of the next major is not known. */
  image: { before: string; after: string };
  mount: ComposeMount & { source: string };
  /** Of the new volume. */
  key: string;
  /** Where the new volume is mounted. */
  target: string;
}

interface ComposeFile {
  file: string;
  text: string;
}

function wantedOf(input: MajorChangeInput): Wanted {
  const { service, from, imageMajor, to } = input;
  const mount = dataMount(input);
  const before = service.image ?? '';
  const path = Math.max(imageMajor, to) >= 18 ? DATA_PATH.from18 : DATA_PATH.upTo17;
  return {
    image: { before, after: imageMajor >= to ? before : (imageOfMajor(before, imageMajor, to) ?? '') },
    mount,
    key: nextKey(mount.source, from, to),
    target: service.environment.PGDATA ? mount.target : path,
  };
}

function refused(
  { service, to }: MajorChangeInput,
  { image, key, target }: Wanted,
  reason: string,
  file?: string,
): UserError {
  return notEditable(
    reason,
    { service: service.name, image: image.after, volume: `${key}:${target}`, to },
    file,
  );
}

function assertNextImage(input: MajorChangeInput, wanted: Wanted): void {
  if (wanted.image.after !== '') return;
  const { image } = input.service;
  throw refused(
    input,
    wanted,
    postgresImage(image)?.interface === 'official'
      ? `the tag of ${image} does not name PostgreSQL's major version alone, or a digest pins it`
      : `${image ?? 'an image that is built here'} is not the official PostgreSQL image, so invctl does not know where the next version keeps its data`,
  );
}

/** The one file that has the database's service. */
function databaseFile(input: MajorChangeInput, wanted: Wanted): ComposeFile {
  const { name } = input.service;
  const places = input.files.filter(({ text }) => mapIn(text, ['services', name]) !== undefined);
  const [place] = places;
  if (!place) throw refused(input, wanted, `"${name}" comes from an include or an extends`);
  if (places.length > 1) {
    throw refused(input, wanted, `"${name}" is written in more than one file`, place.file);
  }
  if ('extends' in serviceIn(place, name)) {
    throw refused(input, wanted, `"${name}" extends another service`, place.file);
  }
  return place;
}

function serviceIn({ text }: ComposeFile, name: string): Record<string, unknown> {
  return mapIn(text, ['services', name]) ?? {};
}

interface VolumeChange {
  before: VolumePlace;
  after: VolumePlace;
  /** The `name` that the file gives the volume. */
  written: string | undefined;
}

function volumeChange(input: MajorChangeInput, wanted: Wanted, { file, text }: ComposeFile): VolumeChange {
  const { project, from, to } = input;
  const { mount, key, target } = wanted;
  const { source } = mount;
  // Compose drops a volume that no service mounts, so the file's text is searched as well.
  if (key in project.volumes || volumeDefinition(text, key)) {
    throw refused(input, wanted, `the volume ${key} is in the project already`, file);
  }
  const definition = volumeDefinition(text, source);
  if (definition === undefined) {
    throw refused(input, wanted, `the volume ${source} is not declared in the same file`, file);
  }
  const other = Object.keys(definition).find((one) => !['name', 'labels'].includes(one));
  if (other !== undefined) {
    const reason = `the volume ${source} has \`${other}\`, which the new one would share`;
    throw refused(input, wanted, reason, file);
  }
  const written = definition.name === undefined ? undefined : String(definition.name);
  const name = project.volumes[source]?.name ?? `${project.name}_${source}`;
  const nextName = written === undefined ? `${project.name}_${key}` : nextKey(written, from, to);
  return {
    before: { key: source, name, target: mount.target },
    after: { key, name: nextName, target },
    written,
  };
}

/** The edits of the database's service and its volume. */
function databaseEdits(
  input: MajorChangeInput,
  wanted: Wanted,
  place: ComposeFile,
  { before, after, written }: VolumeChange,
): ScalarEdit[] {
  const { name } = input.service;
  const mounts = mountEdits(serviceIn(place, name).volumes, name, wanted.mount, after);
  const edits: ScalarEdit[] = [
    ...imageEdit(name, wanted),
    ...mounts,
    ...(written === undefined
      ? []
      : [{ path: ['volumes', before.key, 'name'], before: written, after: after.name }]),
    { path: ['volumes'], key: true, before: before.key, after: after.key },
  ];
  if (mounts.length > 0 && applyEdits(place.text, edits) !== undefined) return edits;
  throw refused(
    input,
    wanted,
    'the image, the volume or its mount is written with a ${…}, an anchor, an alias or a merge key',
    place.file,
  );
}

function imageEdit(service: string, { image }: Wanted): ScalarEdit[] {
  if (image.before === image.after) return [];
  return [{ path: ['services', service, 'image'], ...image }];
}

/** The edits of the database's file, and those of the receiver, which may be in another one. */
function withReceiver(
  input: MajorChangeInput,
  wanted: Wanted,
  place: ComposeFile,
  edits: ScalarEdit[],
): FileChange & Pick<MajorChange, 'receiver'> {
  const { before, after } = wanted.image;
  const found = receiverFile(input, after);
  const ofReceiver = found ? imageEdit(receiverName(input.service), wanted) : [];
  const isBeside = found !== undefined && found.file !== place.file;
  const change = changeOf(place, isBeside ? edits : [...edits, ...ofReceiver]);
  const receiver = isBeside ? changeOf(found, ofReceiver) : undefined;
  if (change === undefined || (isBeside && receiver === undefined)) {
    throw receiverRefused(input, after, `its image is not written as ${before}`, found?.file);
  }
  return { ...change, ...(receiver ? { receiver } : {}) };
}

function changeOf({ file, text: before }: ComposeFile, edits: ScalarEdit[]): FileChange | undefined {
  const text = applyEdits(before, edits);
  return text === undefined ? undefined : { file, edits, before, text };
}

/**
 * The file that has to give the receiver the new image, since an older program receives nothing from a later server.
 * Undefined: there is no receiver, or it has that image.
 */
function receiverFile(input: MajorChangeInput, image: string): ComposeFile | undefined {
  const { project, service, files } = input;
  const name = receiverName(service);
  const receiver = project.services[name];
  if (!receiver || receiver.image === image) return undefined;
  const places = files.filter(({ text }) => mapIn(text, ['services', name]) !== undefined);
  const [place] = places;
  if (place && places.length === 1) return place;
  throw receiverRefused(
    input,
    image,
    place ? 'it is written in more than one file' : 'it comes from an include',
    place?.file,
  );
}

function receiverRefused(
  { service, to }: MajorChangeInput,
  image: string,
  why: string,
  file?: string,
): UserError {
  const name = receiverName(service);
  return new UserError({
    code: 'COMPOSE_NOT_EDITABLE',
    message: `the compose file cannot be edited safely: "${name}" has to get the same image, and ${why}`,
    hint: `by hand, of "${name}":  image: ${image}      (it receives from the server of before too)
invctl up ${name}, then: invctl db upgrade --to ${to}`,
    ...(file === undefined ? {} : { file }),
  });
}

/** `pgdata` → `pgdata_17`, and `pgdata_17` → `pgdata_18`. */
function nextKey(key: string, from: number, to: number): string {
  const base = key.endsWith(String(from)) ? key.slice(0, -String(from).length) : `${key}_`;
  return `${base}${to}`;
}

/** The named volume that contains the server's data folder. */
function dataMount({ service, dataDirectory, to }: MajorChangeInput): Wanted['mount'] {
  const [mount] = service.mounts
    .filter(
      ({ target }) => dataDirectory === target || dataDirectory.startsWith(`${target.replace(/\/$/, '')}/`),
    )
    .sort((a, b) => b.target.length - a.target.length);
  if (mount?.type === 'volume' && mount.source !== undefined) return { ...mount, source: mount.source };
  throw notEditable(
    mount?.type === 'bind'
      ? `the data lies in a folder of this machine, ${mount.source}`
      : `the data lies in ${dataDirectory}, where no named volume is mounted`,
    { service: service.name, to },
  );
}

function mountEdits(
  written: unknown,
  service: string,
  before: ComposeMount,
  after: { key: string; target: string },
): ScalarEdit[] {
  if (!Array.isArray(written)) return [];
  return written.flatMap((item: unknown, index): ScalarEdit[] => {
    const path = ['services', service, 'volumes', index];
    if (typeof item === 'string') {
      if (item.includes('$')) return [];
      const { source, target } = parseMount(item, { file: '', line: 1 });
      if (source !== before.source || target !== before.target) return [];
      return [
        {
          path,
          before: item,
          after: item.replace(`${source}:${target}`, () => `${after.key}:${after.target}`),
        },
      ];
    }
    if (!isRecord(item) || item.source !== before.source || item.target !== before.target) return [];
    return [
      { path: [...path, 'source'], before: String(item.source), after: after.key },
      ...(before.target === after.target
        ? []
        : [{ path: [...path, 'target'], before: before.target, after: after.target }]),
    ];
  });
}

function mapIn(text: string, path: string[]): Record<string, unknown> | undefined {
  let at: unknown = parseDocument(text, { merge: false }).toJS();
  for (const key of path) at = isRecord(at) ? at[key] : undefined;
  return isRecord(at) ? at : undefined;
}

/** The definition of a volume, empty for a key without a value; undefined when the volume is not declared. */
function volumeDefinition(text: string, key: string): Record<string, unknown> | undefined {
  const volumes = mapIn(text, ['volumes']);
  if (!volumes || !(key in volumes)) return undefined;
  return isRecord(volumes[key]) ? volumes[key] : {};
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @param wanted what the file has to contain in the end, as far as it is known. */
export function notEditable(
  reason: string,
  wanted: { service: string; image?: string; volume?: string; to: number },
  file?: string,
): UserError {
  const { service, image = '', volume = 'another volume', to } = wanted;
  return new UserError({
    code: 'COMPOSE_NOT_EDITABLE',
    message: `the compose file cannot be edited safely: ${reason}`,
    hint: `by hand:  invctl db backup, then invctl down
of "${service}":  image: ${image || `one of PostgreSQL ${to}`}   volumes: ["${volume}"]   (and the volume's name under volumes:)
invctl up, then invctl db restore FILE`,
    ...(file === undefined ? {} : { file }),
  });
}
