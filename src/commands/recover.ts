import { command } from '../cli/command.js';
import { recover } from '../services/recover.js';

export default command({
  summary: 'finish or revert an interrupted operation',
  examples: ['invctl recover'],
  data: (z) =>
    z.object({
      recovered: z.array(
        z.object({
          operation: z.string(),
          id: z.string(),
          step: z.string(),
          outcome: z.enum(['finished', 'reverted']),
          message: z.string(),
        }),
      ),
    }),
  async run(context) {
    const recovered = await recover(context);
    const lines = recovered.map(
      ({ operation, outcome, message }) =>
        `${context.output.style.bold(operation)} was ${outcome}: ${message}`,
    );
    return {
      data: { recovered },
      text: lines.join('\n') || 'no operation was interrupted',
    };
  },
});
