import { command } from '../../cli/command.js';
import { flag } from '../../cli/parameters.js';
import { examine } from '../../services/doctor.js';
import { diagnosisText } from '../doctor/text.js';
import { dataOf, diagnosis, exitCodeOf } from '../doctor.js';

/**
 * The doctor's checks of secrets: each exists, is readable, valid and granted, is where the app looks, and
 * nowhere else.
 */
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

export default command({
  summary: "the doctor's checks that concern secrets",
  examples: ['invctl secrets check', 'invctl secrets check --strict'],
  flags: { strict: flag('warnings count: exit code 5') },
  notes: 'Exit code: as `doctor`. To fix: invctl doctor --fix',
  data: diagnosis,
  async run(context, { flags: { strict } }) {
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
  },
});
