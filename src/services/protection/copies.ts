import { join } from 'node:path';
import { configuredStore } from '../../backup/configured-store.js';
import { type Catalogue, type RecoveryPlan, windowsOf } from '../../backup/protection/catalogue.js';
import { fetchPlan, readCopied, united } from '../../backup/protection/copied.js';
import { copyFolder } from '../../backup/protection/copy-names.js';
import type { ProtectionRecord } from '../../backup/protection/place.js';
import { ExitCode, UserError } from '../../errors.js';
import type { Database } from '../../postgres/database.js';
import type { ServiceContext } from '../context.js';
import { type Choice, choose } from './choose.js';

/**
 * Chooses what leads to a target from what is here and what is in the place of copies, and fetches what is
 * not here.
 *
 * @param here.chosen finds what leads to the target in a catalogue.
 * @param here.everything true: `chosen` reads the WAL, so all of it has to be here first.
 * @returns undefined when there are no copies of this server.
 * @throws UserError COPIES_UNREACHABLE, COPY_OF_ANOTHER, of `chosen`, and of {@link fetchPlan}.
 */
export async function chooseFromCopies(
  context: ServiceContext,
  database: Database,
  {
    place,
    ...local
  }: {
    place: string;
    record: ProtectionRecord | undefined;
    here: Catalogue | undefined;
    chosen: (catalogue: Catalogue) => Promise<Choice>;
    everything: boolean;
  },
): Promise<{ record: ProtectionRecord; catalogue: Catalogue; choice: Choice } | undefined> {
  const { location } = database;
  const store = await configuredStore(context, database);
  const copied = store && (await readCopied(store.folder(copyFolder(location.name))));
  if (!copied) return undefined;
  const { owner: _owner, host: _host, ...away } = copied.record;
  if (local.record && local.record.systemIdentifier !== away.systemIdentifier) {
    throw new UserError({
      code: 'COPY_OF_ANOTHER',
      message: `${copied.store.address} has the WAL of the server ${away.systemIdentifier}, and what is in ${place} is of ${local.record.systemIdentifier}`,
      hint: `to bring that one back, move ${place} away first`,
      exitCode: ExitCode.failure,
    });
  }
  const record = local.record ?? { ...away, file: location.files[0] as string };
  const both = united(local.here, copied.catalogue);
  const bases = both.bases.map((base) => ({ ...base, folder: join(place, 'bases', base.id) }));
  const catalogue = { ...both, bases };
  const fetch = (plan: RecoveryPlan) =>
    fetchPlan(copied, place, { plan, record }, { signal: context.signal });
  const [oldest] = windowsOf(catalogue).slice(-1);
  // The plan from the oldest base of the last window contains all WAL after it.
  if (local.everything && oldest) await fetch(choose(catalogue, { kind: 'moment', at: oldest.from }).plan);
  const choice = await local.chosen(catalogue);
  await fetch(choice.plan);
  return { record, catalogue, choice };
}
