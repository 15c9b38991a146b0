import { command } from '../../cli/command.js';
import { rest } from '../../cli/parameters.js';
import { psql } from '../../services/database/psql.js';

export default command({
  summary: "psql in the database's service; its exit code is ours",
  examples: ['invctl db psql', 'invctl db psql -- -c "select now()"', 'echo "select 1" | invctl db psql'],
  args: { words: rest('words', "after --: psql's own arguments") },
  usage: '[-- <words...>]',
  async run(context, { args: { words } }) {
    return {
      exitCode: await psql(context, {
        words,
        terminal: Boolean(process.stdin.isTTY && process.stdout.isTTY),
        stdin: process.stdin,
        stdout: process.stdout,
        stderr: process.stderr,
      }),
    };
  },
});
