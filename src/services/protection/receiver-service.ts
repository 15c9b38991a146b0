import { isMap, isScalar, parseDocument } from 'yaml';
import { UserError } from '../../errors.js';
import { addAfter, scalarYaml } from '../../project/compose-text.js';
import { type ComposeProject, type ComposeService, imageName } from '../../project/model.js';
import { PLACE_IN_CONTAINER, PROTECT_ROLE, receiverName } from '../../project/receiver.js';

const BEGIN = '# invctl db protect: from here';
const END = '# invctl db protect: to here';

/**
 * Where the place is empty, the server tells why. One that asks the receiver for its password is protected: the disk
 * of the place was away when the container was started, which sees the one that is there now once it is started again.
 * One that turns it down is that of a clone, and is not asked again.
 */
const ENTRYPOINT = [
  `[ -f ${PLACE_IN_CONTAINER}/receiver.sh ] && exec sh ${PLACE_IN_CONTAINER}/receiver.sh receive;`,
  'echo "not protected on this machine, or a disk is missing: invctl db protect status";',
  'while sleep 15; do case $$(LC_ALL=C psql "dbname=postgres replication=true" -wAtc IDENTIFY_SYSTEM 2>&1) in',
  `*"no password supplied"* | [0-9]*) exit 1 ;; *FATAL*${PROTECT_ROLE}*) exec tail -f /dev/null ;; esac; done`,
] as const;

export interface ReceiverSettings {
  /** Seconds between two base backups. */
  everySeconds: number;
  /** Seconds for which every moment can be restored. */
  keepSeconds: number;
}

export interface ReceiverServiceInput extends ReceiverSettings {
  project: ComposeProject;
  database: ComposeService;
  /** Compose files in merge order. */
  files: readonly ComposeText[];
  /**
   * True: edit the last of them, because another installation may use the others too, and must not receive
   * into this one's place.
   */
  lastFile: boolean;
  /** The protection's place as the compose file names it. */
  place: string;
  /** Who owns the place on this machine. */
  user: { uid: number; gid: number };
}

interface ComposeText {
  file: string;
  text: string;
}

export interface ComposeEdit {
  file: string;
  before: string;
  after: string;
}

/**
 * Adds the receiver's service to the compose file, after the database's service, or after the last service of
 * a file that has only others. An existing one is rewritten.
 * @throws UserError COMPOSE_NOT_EDITABLE with the service's text, for a person to write it.
 */
export function withReceiver(input: ReceiverServiceInput): ComposeEdit {
  const { project, database, files, lastFile } = input;
  const name = receiverName(database);
  const found = lastFile
    ? files.findLast(({ text }) => lastService(text) !== undefined)
    : files.find(({ text }) => has(text, database.name));
  const before = found?.text ?? '';
  const bare = withoutReceiver(before) ?? before;
  const images = files.toReversed().map(({ text }) => imageText(text, database.name));
  const beneath = files.some((one) => one !== found && withoutReceiver(one.text) !== undefined);
  const overlay = lastFile && /: !(override|reset)\b/.test(before);
  const lines = serviceLines(
    input,
    images.find((text) => text !== undefined),
    // Compose puts the lists of two files together, and refuses one in which a word is there twice. The file
    // beneath an overlay may get a receiver later.
    beneath || overlay ? '!override ' : '',
  );
  if (!found) throw notEditable(`"${database.name}" comes from an include or an extends`, lines);
  if (name in project.services && files.every(({ text }) => withoutReceiver(text) === undefined)) {
    throw notEditable(`there is a service "${name}" already, and it is not invctl's`, lines, found.file);
  }
  const anchor = has(bare, database.name) ? database.name : lastService(bare);
  const after = anchor === undefined ? undefined : addAfter(bare, ['services', anchor], lines);
  if (after === undefined) {
    throw notEditable(`the place behind "${anchor}" is not written as a block`, lines, found.file);
  }
  return { file: found.file, before, after };
}

/** The compose file without the receiver's service; undefined when it has none between invctl's marks. */
export function withoutReceiver(text: string): string | undefined {
  const lines = text.split('\n');
  const begin = lines.findIndex((line) => marked(line).startsWith(BEGIN));
  const end = lines.findIndex((line) => marked(line).startsWith(END));
  if (begin < 0 || end < begin) return undefined;
  const first = lines[begin - 1] === '' ? begin - 1 : begin;
  return [...lines.slice(0, first), ...lines.slice(end + 1)].join('\n');
}

/** A line without its indent, and without the flags that a command has where it is shown to be written by hand. */
function marked(line: string): string {
  return line.trim().replace(/^# invctl (?:--?\S+ (?:\S+ )?)*?(?=db protect: )/, '# invctl ');
}

/** The settings that the receiver's service was written with. */
export function receiverSettings(service: ComposeService): ReceiverSettings {
  return {
    everySeconds: Number(service.environment.EVERY),
    keepSeconds: Number(service.environment.KEEP),
  };
}

function serviceLines(
  { project, database, place, user, everySeconds, keepSeconds }: ReceiverServiceInput,
  image = scalarYaml(imageName(project, database)),
  list: '!override ' | '' = '',
): string[] {
  const { networks, networkMode, profiles, environment } = database;
  const host = networkMode === 'host' ? '127.0.0.1' : database.name;
  return [
    `${BEGIN} (\`invctl db protect off\` takes it out again)`,
    '# Receives what the database writes, second by second, on a disk place of its own: docs/point-in-time.md',
    `${receiverName(database)}:`,
    `  image: ${image}`,
    ...(database.build ? ['  pull_policy: never'] : []),
    // The owner of the place: nobody else may read what is in it.
    `  user: "${user.uid}:${user.gid}"`,
    '  entrypoint:',
    '    - sh',
    '    - -c',
    ...ENTRYPOINT.map(
      (line, i) => `    ${i === 0 ? "- '" : '  '}${line}${i === ENTRYPOINT.length - 1 ? "'" : ''}`,
    ),
    `  environment: { PGHOST: ${scalarYaml(host)}, PGPORT: "${environment.PGPORT ?? 5432}", PGUSER: ${PROTECT_ROLE}, EVERY: "${everySeconds}", KEEP: "${keepSeconds}" }`,
    '  volumes:',
    `    - ${JSON.stringify(`${place.replaceAll('$', '$$$$')}:${PLACE_IN_CONTAINER}`)}`,
    ...(networkMode === undefined ? networkLines(networks) : [`  network_mode: ${scalarYaml(networkMode)}`]),
    ...(profiles.length > 0 ? [`  profiles: [${profiles.map(scalarYaml).join(', ')}]`] : []),
    '  init: true',
    '  read_only: true',
    // The image's volumes, up to 17 and from 18 on, which would stay behind each time it is recreated.
    `  tmpfs: ${list}[/tmp, /var/lib/postgresql, /var/lib/postgresql/data]`,
    `  cap_drop: ${list}[ALL]`,
    `  security_opt: ${list}["no-new-privileges:true"]`,
    '  restart: unless-stopped',
    '  logging: { driver: json-file, options: { max-size: 10m, max-file: "3" } }',
    '  deploy: { resources: { limits: { cpus: "1.0", memory: 256m, pids: 64 } } }',
    END,
  ];
}

function networkLines(networks: readonly string[]): string[] {
  return networks.length === 0 || (networks.length === 1 && networks[0] === 'default')
    ? []
    : [`  networks: [${networks.map(scalarYaml).join(', ')}]`];
}

/** The image as it is written, with its `${…}`. */
function imageText(text: string, service: string): string | undefined {
  const image = parseDocument(text, { merge: true }).getIn(['services', service, 'image'], true);
  return isScalar(image) && image.range ? text.slice(image.range[0], image.range[1]) : undefined;
}

/** The last service in the file's own text. */
function lastService(text: string): string | undefined {
  const services = parseDocument(text, { merge: true }).get('services');
  return isMap(services) ? services.items.map(({ key }) => String(key)).at(-1) : undefined;
}

function has(text: string, service: string): boolean {
  return parseDocument(text, { merge: true }).hasIn(['services', service]);
}

function notEditable(reason: string, lines: readonly string[], file?: string): UserError {
  return new UserError({
    code: 'COMPOSE_NOT_EDITABLE',
    message: `the compose file cannot be edited safely: ${reason}`,
    hint: `by hand, under services:\n${lines.map((line) => `  ${line}`).join('\n')}`,
    ...(file === undefined ? {} : { file }),
  });
}
