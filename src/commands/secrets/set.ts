import { relative } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { command } from '../../cli/command.js';
import { required } from '../../cli/parameters.js';
import { setSecret } from '../../services/secrets/set.js';
import { Secret } from '../../system/secret.js';

export default command({
  summary: 'write the value of a secret, asked for or from standard input',
  examples: [
    'invctl secrets set smtp_password',
    'op read op://shop/smtp/password | invctl secrets set smtp_password --yes',
  ],
  args: { name: required("of the compose file's secrets", { offers: 'secrets' }) },
  data: (z) =>
    z.object({
      secret: z.string(),
      file: z.string(),
      replaced: z.boolean(),
      stale: z.array(z.string()).describe('services that run and go on with the value from their start'),
    }),
  async run(context, { args: { name } }) {
    const result = await setSecret(context, {
      name,
      confirm: () => context.prompts.confirm(`replace the value of ${name}?`),
      read: async () =>
        process.stdin.isTTY
          ? context.prompts.secret(`value of ${name}:`)
          : // The program that wrote the value may have added a line end.
            new Secret((await textOf(process.stdin)).replace(/\r?\n$/, '')),
    });
    const place = relative(context.project().directory, result.file);
    const text = [
      `${name} is written into ${place.startsWith('..') ? result.file : place}`,
      ...(result.stale.length > 0
        ? [`still with the old value: ${result.stale.join(', ')};  invctl restart ${result.stale.join(' ')}`]
        : []),
    ];
    return { data: { ...result }, text: text.join('\n') };
  },
});
