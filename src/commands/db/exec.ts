import { command } from '../../cli/command.js';
import { flag, required } from '../../cli/parameters.js';
import { formatDuration } from '../../output/units.js';
import { executeFile } from '../../services/database/execute-file.js';

export default command({
  summary: 'run an SQL file: all of it, or nothing',
  examples: ['invctl db exec schema.sql', 'invctl db exec --no-transaction vacuum.sql'],
  args: { file: required('SQL, also with psql commands', { offers: 'files' }) },
  flags: { noTransaction: flag('each statement by itself; what came before an error stays') },
  data: (z) => z.object({ file: z.string(), output: z.string(), seconds: z.number() }),
  async run(context, { args: { file }, flags: { noTransaction } }) {
    const result = await executeFile(context, { file, transaction: !noTransaction });
    context.output.note(`${result.file} was run in ${formatDuration(result.seconds * 1000)}`);
    return { data: result, ...(result.output ? { text: result.output } : {}) };
  },
});
