import { defineCheck } from '../../check.js';
import { placeOfItem } from '../../reading.js';

export const check = defineCheck({
  id: 'vol.path',
  chapter: 'volumes',
  title: 'a mount leads to no absolute path in the container',
  severity: 'fail',
  blocksUp: 'MOUNT_PATH_RELATIVE',
  why: 'The engine refuses it: "invalid mount path: mount path must be absolute".',
  docs: `In \`"d:/var/lib/postgresql/data"\` Compose takes one letter before a colon for a drive of Windows, so that the whole text is a path, and not the volume \`d\`. Give the volume a name of two letters or more. A path in the container begins with a slash: \`"data:/srv/data"\`, not \`"data"\` or \`"./data:srv/data"\`.`,
  probe(facts) {
    return Object.values(facts.project.services).flatMap(({ name, mounts }) =>
      mounts
        .filter(({ target, type }) => !target.startsWith('/') && type !== 'npipe')
        .map(({ target, source }) => {
          const drive = source === undefined ? /^(\p{L}):[\\/]/u.exec(target)?.[1] : undefined;
          return {
            message:
              drive === undefined
                ? `"${name}" mounts something at ${target}, which is no path: it must be absolute`
                : `Compose takes ${target} of "${name}" for a path with the drive ${drive}: of Windows, and not for a volume "${drive}"`,
            next:
              drive === undefined
                ? `write a path that begins with a slash: ${source === undefined ? `/${target}, or NAME:/path` : `${source}:/${target}`}`
                : `give the volume a longer name: ${drive}ata:${target.slice(2)}, and under volumes: ${drive}ata:`,
            service: name,
            ...placeOfItem(facts.reading, name, 'volumes', 'target', target),
          };
        }),
    );
  },
});
