import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PROTECTION_FOLDER } from '../../../backup/protection/place.js';
import { defineCheck, type Finding } from '../../check.js';
import type { Deployed } from '../../deployed.js';
import type { Facts } from '../../facts.js';
import { judgeWhereItRuns } from '../../judge-deployed.js';

export const check = defineCheck({
  id: 'prod.backups',
  chapter: 'production',
  title: 'a backup that is young enough',
  severity: 'fail',
  needs: ['config', 'files'],
  why: 'A volume on one disk is one mistake away from nothing.',
  docs: `Checklist item 9. \`invctl db backup\` writes a verified one into \`backups/\`; schedule it with \`invctl db schedule --install\`, and keep copies away from its disk: \`backup.copyTo\` in \`invctl.yaml\`. \`backup.maxAgeHours\` (26) says when the newest verified one is too old, here and in \`invctl status\`. With \`invctl db protect on\`, what counts is whether WAL is received. Where this project has no folder of backups, they may be made in another way: then the item is unknown. Of a database that is deployed, the backups count that \`invctl db backup --deployed\` takes (each night with \`invctl db schedule --deployed --install\`), and of one that CloudNativePG runs, its own.`,
  probe: (facts) =>
    judgeWhereItRuns(
      facts,
      () => backupsHere(facts),
      (deployed) => backupsThere(facts, deployed),
    ),
});

const DEPLOYED_BACKUP = 'invctl db backup --deployed';

async function backupsThere(
  facts: Facts,
  { database, backupFolder, place }: Deployed,
): Promise<Finding[] | { unknown: string }> {
  if (database.kind === 'elsewhere') return { unknown: `not judged: ${database.where}` };
  const { readSettings } = await import('../../../project/settings-file.js');
  const { newestBackup } = await import('../../../backup/newest.js');
  const { backup } = facts.settings ?? (await readSettings(facts.location));
  const settings = { backup: { ...backup, folder: backupFolder } };
  const taken = await newestBackup(facts.location.directory, settings);
  const own = database.kind === 'operator' && database.newest ? Date.parse(database.newest) : undefined;
  const hours = Math.min(
    taken?.ageHours ?? Number.POSITIVE_INFINITY,
    own === undefined ? Number.POSITIVE_INFINITY : (Date.now() - own) / 3_600_000,
  );
  if (hours <= backup.maxAgeHours) return [];
  if (database.kind === 'operator') return [{ message: messageOf(hours, place), next: database.command }];
  const schedule = Number.isFinite(hours)
    ? '      (and schedule it: invctl db schedule --deployed --install)'
    : '';
  return [{ message: messageOf(hours, place), next: `${DEPLOYED_BACKUP}${schedule}` }];
}

/** @param hours infinite: there is none */
function messageOf(hours: number, place: string): string {
  return Number.isFinite(hours)
    ? `the newest verified backup of the database in ${place} is ${ageText(hours)} old`
    : `there is no verified backup of the database in ${place}`;
}

function ageText(hours: number): string {
  return hours < 72 ? `${Math.round(hours)} hours` : `${Math.round(hours / 24)} days`;
}

async function backupsHere(facts: Facts): Promise<Finding[] | { unknown: string }> {
  const { readSettings } = await import('../../../project/settings-file.js');
  const { newestBackup } = await import('../../../backup/newest.js');
  const settings = facts.settings ?? (await readSettings(facts.location));
  const { backup } = settings;
  const folder = resolve(facts.location.directory, backup.folder);
  const { knownProtection } = await import('../../../backup/protection/receiver-state.js');
  const { protectionPlace } = await import('../../../backup/protection/place.js');
  const protection = await knownProtection(
    protectionPlace(facts.location, settings),
    facts.project,
    settings,
  );
  if (protection?.receiver === 'receiving' && protection.windows.length > 0 && protection.message === '')
    return [];
  const verified = await newestBackup(facts.location.directory, settings);
  const hours = verified?.ageHours ?? (await newestFileHours(folder));
  const young = hours !== undefined && hours <= backup.maxAgeHours;
  if (protection && (protection.receiver !== 'silent' || !young || (await databaseRuns(facts)))) {
    const message = protection.message || 'it has no base backup yet';
    const receives = protection.receiver === 'receiving' && protection.windows.length > 0;
    const state = receives ? 'the database is protected, but' : 'the database is not protected now:';
    return [{ message: `${state} ${message}`, next: 'invctl db protect status' }];
  }
  if (hours === undefined) {
    if (!facts.scaffold) return { unknown: 'no folder backups/: they may be made in another way' };
    return [{ message: `there is no backup in ${facts.shown(folder)}`, next: 'invctl db backup' }];
  }
  if (young) return [];
  return [
    {
      message: `the newest ${verified ? 'verified ' : ''}backup is ${ageText(hours)} old`,
      next: 'invctl db backup      (and schedule it: invctl db schedule --install)',
      file: verified?.file ?? folder,
    },
  ];
}

/** False also where no engine answers: the receiver is silent in a project that is down. */
async function databaseRuns(facts: Facts): Promise<boolean> {
  const services = await facts.status().catch(() => []);
  return services.some(({ name, state }) => name === facts.database?.name && state === 'running');
}

/** Age of the newest file in a folder of backups that another program makes; undefined when it is empty. */
async function newestFileHours(folder: string): Promise<number | undefined> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const files = names.filter(
    (name) => !name.startsWith('.') && !name.endsWith('.partial') && name !== PROTECTION_FOLDER,
  );
  if (files.length === 0) return undefined;
  const times = await Promise.all(files.map(async (name) => (await stat(join(folder, name))).mtimeMs));
  return (Date.now() - Math.max(...times)) / 3_600_000;
}
