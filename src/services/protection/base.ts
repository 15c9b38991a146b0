import { z } from 'zod';
import {
  protectionPlace,
  readCatalogue,
  readReceiverNote,
  readRecord,
} from '../../backup/protection/place.js';
import { UserError } from '../../errors.js';
import { type Database, findDatabase, programFailed } from '../../postgres/database.js';
import { PLACE_IN_CONTAINER, receiverName } from '../../project/receiver.js';
import { withProjectLock } from '../../system/lock.js';
import { timeId } from '../../system/time-id.js';
import type { ServiceContext } from '../context.js';
import { operation, perform } from '../operation.js';
import { notProtected } from './not-protected.js';

const PLACE_IS_ELSEWHERE = 66;
const BASE = `script="\${PLACE:-$1}/receiver.sh"; [ -f "$script" ] || exit ${PLACE_IS_ELSEWHERE}; exec sh "$script" base`;

/** An incomplete base backup has another name, and the next base backup removes it. */
export const baseOperation = operation({
  name: 'db backup --base',
  state: z.object({}),
  steps: ['base'],
  harmless: true,
  reopen: async () => undefined,
  revert: async () => 'an incomplete base backup is ignored, and the next one removes it',
});

export interface BaseTaken {
  id: string;
  /** Absolute. */
  folder: string;
  bytes: number;
  startedAt: Date;
  endedAt: Date;
}

/**
 * Takes a base backup now; the receiver writes it to its place.
 * @throws UserError NOT_PROTECTED, BASE_FAILED, SERVICE_NOT_RUNNING
 */
export async function takeBase(context: ServiceContext): Promise<BaseTaken> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(
    location,
    { command: `invctl ${baseOperation.name}`, signal: context.signal },
    async () => {
      const database = await findDatabase(engine, location);
      const input = { id: `${timeId(new Date())}-base`, state: {}, subject: undefined };
      return perform(baseOperation, context, input, async (run) => {
        await run.begin('base');
        return takeByReceiver(context, database);
      });
    },
  );
}

async function takeByReceiver(
  context: ServiceContext,
  { engine, location, settings, service }: Database,
): Promise<BaseTaken> {
  const place = protectionPlace(location, settings);
  const record = await readRecord(place);
  if (!record) throw notProtected(location);
  const note = await readReceiverNote(place);
  if (note?.state === 'refused') throw refused(note.message);
  const result = await engine.pipe(
    location,
    receiverName(service),
    ['sh', '-c', BASE, 'sh', PLACE_IN_CONTAINER],
    { signal: context.signal },
  );
  if (result.status === PLACE_IS_ELSEWHERE)
    throw refused(`the receiver was started with another folder than ${place}`, 'invctl up');
  if (result.status !== 0) throw programFailed('BASE_FAILED', 'the base backup failed', result, 'df -h');
  const { bases } = await readCatalogue(place, record);
  const taken = bases.find(({ id }) => id === result.stdout.trim());
  if (!taken) throw refused(`${place} does not have what the receiver wrote`);
  const { id, folder, bytes, startedAt, endedAt } = taken;
  return { id, folder, bytes, startedAt, endedAt };
}

function refused(message: string, hint = 'invctl db protect status'): UserError {
  return new UserError({
    code: 'BASE_FAILED',
    message: `the base backup failed: ${message}`,
    hint,
  });
}
