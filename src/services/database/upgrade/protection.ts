import { existsSync } from 'node:fs';
import { earlierFolder, putAside, takeUp } from '../../../backup/protection/earlier.js';
import {
  type ProtectionRecord,
  protectionPlace,
  readRecord,
  writeRecord,
} from '../../../backup/protection/place.js';
import { ExitCode, UserError } from '../../../errors.js';
import type { Database } from '../../../postgres/database.js';
import { withMaintenance } from '../../../postgres/server-sessions.js';
import { receiverName } from '../../../project/receiver.js';
import type { ServiceContext } from '../../context.js';
import { assertPrograms, prepareServer, readServer } from '../../protection/server-side.js';
import { startReceiving } from '../../protection/switch.js';
import type { MajorChange } from './compose-edit.js';
import type { OldServer } from './old-server.js';
import type { UpgradeRun, UpgradeState } from './state.js';

const UP_TIMEOUT_MS = 120_000;

/** The parts of an upgrade's plan that a protection depends on. */
interface Moving {
  /** Undefined: there is none. */
  protection: ProtectionRecord | undefined;
  change: MajorChange;
}

/** The record of a protection that receives from the old server; undefined: there is none on this machine. */
export async function protectionOf(
  { location, settings, project, service }: Database,
  { systemIdentifier }: Pick<OldServer, 'systemIdentifier'>,
): Promise<ProtectionRecord | undefined> {
  if (!(receiverName(service) in project.services)) return undefined;
  const record = await readRecord(protectionPlace(location, settings));
  return record?.systemIdentifier === systemIdentifier ? record : undefined;
}

/**
 * Finds out before the switch whether the new server can be protected.
 * @throws UserError PROTECTION_IMPOSSIBLE
 */
export async function assertProtectable({ signal }: ServiceContext, server: Database): Promise<void> {
  const facts = await withMaintenance(server, { applicationName: 'invctl db upgrade', signal }, readServer);
  await assertPrograms(
    server,
    facts,
    `invctl db upgrade --to ${facts.major}      (or without the protection: invctl db protect off)`,
  );
}

/**
 * What the journal needs to know of a protection.
 * @param services that ran before.
 */
export async function movingProtection(
  { engine, location, settings, service }: Database,
  { protection: record, change }: Moving,
  services: readonly string[],
): Promise<Pick<UpgradeState, 'services' | 'protection'>> {
  const receiver = receiverName(service);
  const statuses = await engine.status(location);
  const ran = statuses.some(({ name, state }) => name === receiver && state === 'running');
  // One that receives nothing, as in a clone of the project, only gets the new image.
  if (!record) return { services: [...services, ...(ran ? [receiver] : [])] };
  return {
    services: [...services],
    protection: {
      place: protectionPlace(location, settings),
      service: receiver,
      ran,
      systemIdentifier: record.systemIdentifier,
      image: change.image.before,
      receives: false,
    },
  };
}

/**
 * Receives from the new server, before anybody can write to it. What was received from the old one is kept
 * apart. It can be repeated, wherever it was cut off.
 *
 * @throws UserError PROTECTION_IMPOSSIBLE, RECEIVER_FAILED (exit 6)
 */
export async function protectNewServer(
  context: ServiceContext,
  live: Database,
  run: UpgradeRun,
): Promise<void> {
  const { protection, from } = run.state;
  if (!protection || protection.receives) return;
  const { place, service, systemIdentifier, image } = protection;
  await live.engine.stop(live.location, [service]);
  await putAside(place, systemIdentifier, { major: from, image });
  const old = (await readRecord(earlierFolder(place, systemIdentifier))) as ProtectionRecord;
  const options = { applicationName: 'invctl db upgrade', signal: context.signal };
  await withMaintenance(live, options, async (session) => {
    const server = await readServer(session);
    const known = await readRecord(place);
    await writeRecord(
      place,
      known ?? {
        ...old,
        systemIdentifier: server.systemIdentifier,
        segmentBytes: server.segmentBytes,
        dataDirectory: server.dataDirectory,
        slotLimitBefore: server.slotLimit === '-1' ? '-1' : null,
        summaries: server.summaries === 'off',
        after: systemIdentifier,
        major: server.major,
        ...(live.service.image === undefined ? {} : { image: live.service.image }),
      },
    );
    // The role came with its password.
    await prepareServer(live, session, server, undefined);
  });
  await startReceiving(context, live, place, service);
  protection.receives = true;
  await run.note();
}

/** Receives from the old server again, with all that was received from it. It can be repeated. */
export async function protectOldServer({ engine, location }: Database, state: UpgradeState): Promise<void> {
  const { protection } = state;
  if (!protection || state.rehearse) return;
  const { place, service, systemIdentifier, ran } = protection;
  if (existsSync(earlierFolder(place, systemIdentifier))) {
    await engine.stop(location, [service]);
    await takeUp(place, systemIdentifier);
  }
  if (!ran) return;
  const { failed } = await engine.up(
    location,
    { services: [service], wait: true, timeoutMs: UP_TIMEOUT_MS },
    () => {},
  );
  if (failed.length === 0) return;
  throw new UserError({
    code: 'RECEIVER_FAILED',
    message: `the service ${service} does not run on the old server (${failed.map(({ reason }) => reason).join(', ')})`,
    hint: `invctl logs ${service}`,
    exitCode: ExitCode.unhealthy,
  });
}
