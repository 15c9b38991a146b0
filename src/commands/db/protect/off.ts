import { command } from '../../../cli/command.js';
import { protectOff } from '../../../services/protection/switch.js';
import { composeDiff } from './compose-diff.js';

export default command({
  summary: 'stop receiving, and take back all that `on` made',
  examples: ['invctl db protect off', 'invctl db protect off --yes'],
  data: (z) =>
    z.object({
      file: z.string().optional().describe('the compose file; absent: it had no receiver'),
      place: z.string().describe('what was received stays here'),
      service: z.string(),
      diff: z.string(),
    }),
  async run(context) {
    let diff = '';
    const result = await protectOff(context, {
      confirm: async (edit, place) => {
        diff = edit ? await composeDiff(context, edit) : '';
        if (diff !== '') context.output.note(diff);
        context.output.note(`what was received stays in ${place}`);
        await context.prompts.confirm('stop protecting the database?');
      },
    });
    return {
      data: { ...result, diff },
      text: [
        'the protection is off: the receiver, its role, its slot and its lines are gone',
        `what was received stays in ${result.place}, and can be brought back:  invctl db restore --to latest`,
      ].join('\n'),
    };
  },
});
