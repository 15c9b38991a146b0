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
  files: readonly { file: string; text: string }[];
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
  const { project, service, files, from, imageMajor, to } = input;
  const mount = dataMount(input);
  const beforeKey = mount.source as string;
  const afterKey = nextKey(beforeKey, from, to);
  const before = service.image ?? '';
  const image = { before, after: imageMajor >= to ? before : (imageOfMajor(before, imageMajor, to) ?? '') };
  const path = Math.max(imageMajor, to) >= 18 ? DATA_PATH.from18 : DATA_PATH.upTo17;
  const target = service.environment.PGDATA ? mount.target : path;
  const refuse = (reason: string, file?: string) =>
    notEditable(
      reason,
      { service: service.name, image: image.after, volume: `${afterKey}:${target}`, to },
      file,
    );
  if (image.after === '') {
    throw refuse(
      postgresImage(service.image)?.interface === 'official'
        ? `the tag of ${service.image} does not name PostgreSQL's major version alone, or a digest pins it`
        : `${service.image ?? 'an image that is built here'} is not the official PostgreSQL image, so invctl does not know where the next version keeps its data`,
    );
  }
  const places = files.filter(({ text }) => mapIn(text, ['services', service.name]) !== undefined);
  const [place] = places;
  if (!place || places.length > 1) {
    throw refuse(
      place
        ? `"${service.name}" is written in more than one file`
        : `"${service.name}" comes from an include or an extends`,
      place?.file,
    );
  }
  const { file, text } = place;
  const serviceNode = mapIn(text, ['services', service.name]) ?? {};
  if ('extends' in serviceNode) throw refuse(`"${service.name}" extends another service`, file);
  // Compose drops a volume that no service mounts, so the file's text is searched as well.
  if (afterKey in project.volumes || volumeDefinition(text, afterKey)) {
    throw refuse(`the volume ${afterKey} is in the project already`, file);
  }
  const definition = volumeDefinition(text, beforeKey);
  const other = Object.keys(definition ?? {}).find((key) => !['name', 'labels'].includes(key));
  if (definition === undefined || other !== undefined) {
    throw refuse(
      other === undefined
        ? `the volume ${beforeKey} is not declared in the same file`
        : `the volume ${beforeKey} has \`${other}\`, which the new one would share`,
      file,
    );
  }
  const ownName = definition.name;
  const afterName =
    ownName === undefined ? `${project.name}_${afterKey}` : nextKey(String(ownName), from, to);
  const mounts = mountEdits(serviceNode.volumes, service.name, mount, { key: afterKey, target });
  const imageEdit = (name: string): ScalarEdit[] =>
    image.before === image.after
      ? []
      : [{ path: ['services', name, 'image'], before: image.before, after: image.after }];
  const own: ScalarEdit[] = [
    ...imageEdit(service.name),
    ...mounts,
    ...(ownName === undefined
      ? []
      : [{ path: ['volumes', beforeKey, 'name'], before: String(ownName), after: afterName }]),
    { path: ['volumes'], key: true, before: beforeKey, after: afterKey },
  ];
  if (mounts.length === 0 || applyEdits(text, own) === undefined) {
    throw refuse(
      'the image, the volume or its mount is written with a ${…}, an anchor, an alias or a merge key',
      file,
    );
  }
  const receiver = receiverFile(input, image.after);
  const ofReceiver = receiver ? imageEdit(receiverName(service)) : [];
  const beside = receiver && receiver.file !== file ? changeOf(receiver, ofReceiver) : undefined;
  const change = changeOf(place, receiver?.file === file ? [...own, ...ofReceiver] : own);
  if (change === undefined || (receiver && receiver.file !== file && beside === undefined)) {
    throw receiverRefused(input, image.after, `its image is not written as ${image.before}`, receiver?.file);
  }
  return {
    ...change,
    ...(beside ? { receiver: beside } : {}),
    image,
    volume: {
      before: {
        key: beforeKey,
        name: project.volumes[beforeKey]?.name ?? `${project.name}_${beforeKey}`,
        target: mount.target,
      },
      after: { key: afterKey, name: afterName, target },
    },
  };
}

function changeOf(
  { file, text: before }: { file: string; text: string },
  edits: ScalarEdit[],
): FileChange | undefined {
  const text = applyEdits(before, edits);
  return text === undefined ? undefined : { file, edits, before, text };
}

/**
 * The file that has to give the receiver the new image, since an older program receives nothing from a later server.
 * Undefined: there is no receiver, or it has that image.
 */
function receiverFile(input: MajorChangeInput, image: string): { file: string; text: string } | undefined {
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
function dataMount({ service, dataDirectory, to }: MajorChangeInput): ComposeMount {
  const [mount] = service.mounts
    .filter(
      ({ target }) => dataDirectory === target || dataDirectory.startsWith(`${target.replace(/\/$/, '')}/`),
    )
    .sort((a, b) => b.target.length - a.target.length);
  if (mount?.type === 'volume' && mount.source !== undefined) return mount;
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
