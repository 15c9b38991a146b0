import type { Command } from 'commander';
import { declare, type Handle } from '../../cli/command.js';
import { examine } from '../../services/doctor.js';
import { diagnosisText } from '../doctor/text.js';
import { dataOf, exitCodeOf } from '../doctor.js';

/** The doctor's checks of secrets: there, readable, sound, granted, where the app looks, and nowhere else. */
const CHECKS = [
  'secret.provider',
  'secret.missing',
  'secret.directory',
  'secret.empty',
  'secret.bytes',
  'secret.weak',
  'secret.unreadable',
  'secret.unlisted',
  'secret.app-path',
  'db.both-set',
  'db.uninitialised',
  'db.password-drift',
  'sec.literal',
  'sec.gitignore',
  'sec.tracked',
  'sec.dockerignore',
  'sec.image-secret',
];

export function define(group: Command, handle: Handle): void {
  const command = declare(group, 'check', "the doctor's checks that concern secrets", [
    'invctl secrets check',
    'invctl secrets check --strict',
  ])
    .option('--strict', 'warnings count: exit code 5')
    .addHelpText('after', '\nExit code: as `doctor`. To mend: invctl doctor --fix');
  handle<{ strict?: boolean }>(command, async (context, { options: { strict = false } }) => {
    const result = await examine(context, {
      only: CHECKS,
      skip: [],
      production: false,
      engine: context.settings.engine,
    });
    const columns = process.stdout.isTTY ? context.output.columns : Number.POSITIVE_INFINITY;
    return {
      data: dataOf(result),
      text: diagnosisText(result, context.output.style, columns),
      exitCode: exitCodeOf(result, strict),
    };
  });
}
