import { realpath } from 'node:fs/promises';
import { type ProtectionRecord, readRecord } from '../../backup/protection/place.js';
import type { Engine } from '../../engine/engine.js';
import { ExitCode, UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { ComposeProject } from '../../project/model.js';
import { receiverPlace } from '../../project/receiver.js';
import { explainFileError } from '../../system/files.js';
import type { ServiceContext } from '../context.js';
import { hasOtherScript, writeScript } from './place.js';

const UP_TIMEOUT_MS = 120_000;

/**
 * Gives the receivers of this project that run the script of another version of invctl the present one, and starts
 * them again. What is committed meanwhile is kept by the server. What cannot be renewed goes on as it is, with a
 * warning.
 * @param services that are up now.
 * @returns the services that were started again.
 */
export async function renewReceivers(
  context: ServiceContext,
  engine: Engine,
  location: ProjectLocation,
  project: ComposeProject,
  services: readonly string[],
): Promise<string[]> {
  const renewed: string[] = [];
  // The places of a project on another machine are there.
  if (location.host) return renewed;
  for (const name of services) {
    const service = project.services[name];
    const place = service && receiverPlace(service);
    if (place === undefined) continue;
    try {
      const record = await readRecord(place);
      if (record?.service !== name || !(await isOfOtherVersion(place, record, location))) continue;
      await writeScript(place).catch((error) => {
        throw explainFileError(error, place);
      });
      const { failed } = await engine.up(
        location,
        { services: [name], wait: true, recreate: true, timeoutMs: UP_TIMEOUT_MS, signal: context.signal },
        () => {},
      );
      if (failed.length > 0) throw didNotStart(name);
      renewed.push(name);
      context.warn(`${name} was that of another version of invctl: it has been renewed and started again`);
    } catch (error) {
      context.signal.throwIfAborted();
      if (!(error instanceof UserError)) throw error;
      context.warn(
        `${name} could not be renewed: ${error.message} (${error.hint ?? 'invctl db protect status'})`,
      );
    }
  }
  return renewed;
}

function didNotStart(service: string): UserError {
  return new UserError({
    code: 'RECEIVER_FAILED',
    message: `the service ${service} does not start again`,
    hint: `invctl logs ${service}`,
    exitCode: ExitCode.unhealthy,
  });
}

/** Whether a receiver of this project runs the script of another version of invctl. */
export async function isOfOtherVersion(
  place: string,
  record: ProtectionRecord,
  location: ProjectLocation,
): Promise<boolean> {
  return (await hasOtherScript(place)) && isOwn(place, record, location);
}

/** A clone of the project may name the same place. A project whose folder was renamed has its place in it. */
async function isOwn(place: string, { file }: ProtectionRecord, location: ProjectLocation): Promise<boolean> {
  const real = (path: string) => realpath(path).catch(() => undefined);
  const [recorded, directory, folder] = await Promise.all([file, location.directory, place].map(real));
  if (recorded === undefined) return folder?.startsWith(`${directory}/`) === true;
  return (await Promise.all(location.files.map(real))).includes(recorded);
}
