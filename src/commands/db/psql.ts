import { command } from '../../cli/command.js';
import { rest } from '../../cli/parameters.js';
import { psql } from '../../services/database/psql.js';
import { databaseContext, deployedFlag } from './deployed.js';

export default command({
  summary: "psql in the database's service; its exit code is ours",
  examples: ['invctl db psql', 'invctl db psql -- -c "select now()"', 'echo "select 1" | invctl db psql'],
  args: { words: rest('words', "after --: psql's own arguments") },
  flags: { deployed: deployedFlag },
  usage: '[--deployed] [-- <words...>]',
  async run(context, { args: { words }, flags: { deployed } }) {
    return {
      exitCode: await psql(await databaseContext(context, deployed), {
        words,
        terminal: Boolean(process.stdin.isTTY && process.stdout.isTTY),
        stdin: process.stdin,
        stdout: process.stdout,
        stderr: process.stderr,
      }),
    };
  },
});
