import { once } from 'node:events';
import { command } from '../../cli/command.js';
import type { Context } from '../../cli/context.js';
import { flag, number } from '../../cli/parameters.js';
import { UserError } from '../../errors.js';
import { type DatabaseUrl, databaseUrl } from '../../services/database/url.js';
import { clipboardProgram, copyToClipboard } from '../../system/desktop.js';

export default command({
  summary: 'an address of this machine for a GUI client, while the command runs',
  examples: [
    'invctl db url',
    'invctl db url --copy      # with the password, which is not printed',
    'invctl db url --port 15432',
  ],
  flags: {
    copy: flag('put it into the clipboard with the password'),
    port: number('port', 'this port of 127.0.0.1 (default: any that is free)', { above: 0, whole: true }),
  },
  data: (z) =>
    z.object({
      url: z.string().describe('without the password'),
      host: z.string(),
      port: z.int(),
      user: z.string(),
      database: z.string(),
      password: z.string().describe('where it lies'),
      temporary: z.boolean().describe('true: there until the command ends'),
      copied: z.boolean(),
    }),
  async run(context, { flags: { copy, port } }) {
    // Checked first: nothing is forwarded when the URL cannot be copied.
    if (copy) clipboardProgram(context);
    const found = await databaseUrl(context, port);
    const { url, host, user, database, password, forward } = found;
    const { temporary } = forward;
    try {
      if (copy) await copyWhole(context, found);
      const data = { url, host, port: forward.port, user, database, password, temporary, copied: copy };
      const remark = [
        copy ? 'in the clipboard, with the password' : `password: ${password}`,
        ...(temporary ? ['there until Ctrl-C'] : []),
      ].join('; ');
      if (!temporary) {
        context.output.note(remark);
        return { data, text: url };
      }
      context.output.succeed('db url', data);
      context.output.print(url);
      context.output.note(remark);
      if (!context.signal.aborted) await once(context.signal, 'abort');
      return { interrupted: true };
    } finally {
      await forward.close();
    }
  },
});

async function copyWhole(context: Context, { whole, password }: DatabaseUrl): Promise<void> {
  if (whole) {
    await copyToClipboard(context, whole);
    return;
  }
  throw new UserError({
    code: 'PASSWORD_UNKNOWN',
    message: `the database's password cannot be read here: ${password}`,
    hint: 'invctl secrets check',
  });
}
