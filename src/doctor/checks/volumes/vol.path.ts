import type { ComposeMount } from '../../../project/model.js';
import { defineCheck, type Finding } from '../../check.js';
import type { Facts } from '../../facts.js';
import { placeOfItem } from '../../reading.js';

export const check = defineCheck({
  id: 'vol.path',
  chapter: 'volumes',
  title: 'a mount leads to no absolute path, or is a path of Windows to Compose',
  severity: 'fail',
  blocksUp: 'MOUNT_PATH_RELATIVE',
  why: 'The engine refuses it: "mount path must be absolute", or "invalid volume specification".',
  docs: `In \`"d:/var/lib/postgresql/data"\` Compose takes one letter before a colon for a drive of Windows, so that the whole text is a path, and not the volume \`d\`. Give the volume a name of two letters or more. A path in the container begins with a slash: \`"data:/srv/data"\`, not \`"data"\` or \`"./data:srv/data"\`. A folder such as \`C:/data\` is one on Windows only.`,
  probe(facts) {
    return Object.values(facts.project.services).flatMap(({ name, mounts }) =>
      mounts.flatMap((mount): Finding[] => {
        const wrong = problemOf(facts, mount);
        if (!wrong) return [];
        const at = placeOfItem(facts.reading, name, 'volumes', 'target', mount.target);
        return [{ message: `"${name}": ${wrong.message}`, next: wrong.next, service: name, ...at }];
      }),
    );
  },
});

const DRIVE = /^(\p{L}):/u;

function problemOf(
  { location }: Facts,
  { type, source, target }: ComposeMount,
): { message: string; next: string } | undefined {
  const onDrive = DRIVE.exec(target)?.[1];
  if (onDrive !== undefined) {
    return {
      message: `Compose takes ${target} for a path with the drive ${onDrive}: of Windows, and not for a volume "${onDrive}"`,
      next: `give the volume a name of two letters or more: ${onDrive}_data:${target.slice(2)}, and under volumes: ${onDrive}_data:`,
    };
  }
  if (!target.startsWith('/') && type !== 'npipe') {
    return {
      message: `something is mounted at ${target}, which is not a path in the container: it must be absolute`,
      next: 'write NAME:/path, with a path that begins with a slash',
    };
  }
  // On Windows itself this is a folder.
  const drive =
    type === 'bind' && process.platform !== 'win32'
      ? DRIVE.exec((source ?? '').replace(`${location.directory}/`, ''))?.[1]
      : undefined;
  if (drive === undefined) return undefined;
  return {
    message: `Compose takes what is mounted at ${target} for a folder on the drive ${drive}: of Windows`,
    next: `name a folder of this machine (./data:${target}), or a volume with two letters or more (${drive}_data:${target})`,
  };
}
