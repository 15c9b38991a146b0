import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { defineCheck } from '../../check.js';

export const check = defineCheck({
  id: 'prod.backups',
  chapter: 'production',
  title: 'a backup that is young enough',
  severity: 'fail',
  needs: ['config', 'files'],
  why: 'A volume on one disk is one mistake away from nothing.',
  docs: `Checklist item 9. \`invctl db backup\` writes a verified one into \`backups/\`; schedule it, and keep copies on another machine. Where this project has no folder of backups, they may be made in another way: then the item is unknown.`,
  async probe(facts) {
    const folder = resolve(facts.location.directory, facts.settings.backup.folder);
    const names = await readdir(folder).catch(() => undefined);
    const backups = names?.filter((name) => !name.startsWith('.') && !name.endsWith('.partial')) ?? [];
    if (backups.length === 0) {
      if (!facts.scaffold) return { unknown: 'no folder backups/: they may be made in another way' };
      return [{ message: `there is no backup in ${facts.shown(folder)}`, next: 'invctl db backup' }];
    }
    const ages = await Promise.all(backups.map(async (name) => (await stat(join(folder, name))).mtimeMs));
    const hours = (Date.now() - Math.max(...ages)) / 3_600_000;
    if (hours <= facts.settings.backup.maxAgeHours) return [];
    return [
      {
        message: `the newest backup is ${hours < 72 ? `${Math.round(hours)} hours` : `${Math.round(hours / 24)} days`} old`,
        next: 'invctl db backup      (and schedule it)',
        file: folder,
      },
    ];
  },
});
