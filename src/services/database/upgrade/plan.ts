import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ProtectionRecord } from '../../../backup/protection/place.js';
import type { Engine } from '../../../engine/engine.js';
import { openTrials } from '../../../engine/open-trials.js';
import type { ServerMove, Trials } from '../../../engine/trials.js';
import { ExitCode, UserError } from '../../../errors.js';
import type { Database } from '../../../postgres/database.js';
import type { ComposeConfig } from '../../../project/from-config.js';
import { receiverName } from '../../../project/receiver.js';
import type { ServiceContext } from '../../context.js';
import { assertServerSpace } from '../restore-checks.js';
import { type MajorChange, notEditable, planMajorChange } from './compose-edit.js';
import { announce, assertMovable, type OldServer, readOldServer } from './old-server.js';
import { protectionOf } from './protection.js';

/** The new volume holds the database, its copy for the smoke test, and the archive that it is loaded from. */
const SPACE_FACTOR = 2.6;

export interface UpgradePlan {
  move: ServerMove;
  change: MajorChange;
  /** The project's engine, with client programs that work with both servers. */
  engine: Engine;
  /** The project after the change. */
  config: ComposeConfig;
  server: OldServer;
  /** Of the protection that goes along; undefined: there is none. */
  protection: ProtectionRecord | undefined;
}

/**
 * Makes every check of an upgrade that is possible before anything is done.
 *
 * @throws UserError SAME_MAJOR, DOWNGRADE, of {@link assertMovable}, COMPOSE_NOT_EDITABLE, VOLUME_EXISTS,
 * IMAGE_NOT_PULLED, EMBEDDED_POSTGRES_MISSING (exit 3), DATABASE_DISK_FULL, and what `confirmPull` throws.
 */
export async function planUpgrade(
  context: ServiceContext,
  database: Database,
  to: number,
  confirmPull: (image: string) => Promise<void>,
): Promise<UpgradePlan> {
  const { location, service } = database;
  const trials = await openTrials(database.engine, context);
  const server = await readOldServer(context, database);
  const from = server.major;
  assertLater(from, to);
  assertMovable(server);
  const files = await Promise.all(
    location.files.map(async (file) => ({ file, text: await readFile(file, 'utf8') })),
  );
  const change = planMajorChange({
    project: database.project,
    service,
    files,
    from,
    to,
    ...trials.declared(service, server),
  });
  const config = await changedConfig(trials, database, change, to);
  await trials.assertNoVolume(location, change.volume.after);
  const beside = server.others.reduce((sum, { bytes }) => sum + bytes, 0);
  await assertServerSpace(database, server.bytes * SPACE_FACTOR + beside);
  const move = { from, to, image: change.image.after };
  const engine = await trials.provide(move, confirmPull);
  const protection = await protectionOf(database, server);
  await announce(context, database, server, protection);
  return { move, change, engine, config, server, protection };
}

function assertLater(from: number, to: number): void {
  if (to > from) return;
  throw new UserError({
    code: to === from ? 'SAME_MAJOR' : 'DOWNGRADE',
    message:
      to === from
        ? `the database is a PostgreSQL ${from} already`
        : `the database is a PostgreSQL ${from}: no older server, such as ${to}, can take its data`,
    hint: `--to ${from + 1}, or later`,
    details: { from, to },
  });
}

/**
 * The project after the edit of the database's file, and no other. Each edit alone must change only what it is for.
 */
async function changedConfig(
  trials: Trials,
  { location, service }: Database,
  change: MajorChange,
  to: number,
): Promise<ComposeConfig> {
  const { image, volume } = change;
  const refuse = (reason: string) =>
    notEditable(
      reason,
      { service: service.name, image: image.after, volume: `${volume.after.key}:${volume.after.target}`, to },
      change.file,
    );
  const configWith = (file: string, text: string) =>
    trials.configWith(location, file, text).catch((error) => {
      const invalid = error instanceof UserError && error.exitCode === ExitCode.projectInvalid;
      throw invalid ? refuse(error.message) : error;
    });
  const [config, expected] = [
    await configWith(change.file, change.text),
    await configWith(change.file, change.before),
  ];
  const changed = expected.services[service.name];
  const receiver = expected.services[receiverName(service)];
  if (change.receiver) {
    const { file, text, before } = change.receiver;
    const [ofReceiver, of] = [await configWith(file, text), await configWith(file, before)];
    const moved = of.services[receiverName(service)];
    if (moved) moved.image = image.after;
    if (!isDeepStrictEqual(ofReceiver, of)) throw refuse('the same edit would change more than the receiver');
  } else if (receiver) {
    receiver.image = image.after;
  }
  if (changed) {
    changed.image = image.after;
    for (const mount of changed.volumes ?? []) {
      if (mount.source !== volume.before.key || mount.target !== volume.before.target) continue;
      mount.source = volume.after.key;
      mount.target = volume.after.target;
    }
  }
  const { [volume.before.key]: definition, ...others } = expected.volumes ?? {};
  expected.volumes = { ...others, [volume.after.key]: { ...definition, name: volume.after.name } };
  if (isDeepStrictEqual(config, expected)) return config;
  throw refuse('the same edit would change more than the database');
}
