import { command } from '../../../cli/command.js';
import { sayWindow } from '../../../output/moments.js';
import { count, formatBytes, formatDuration } from '../../../output/units.js';
import { type ProtectionStatus, protectionStatus } from '../../../services/protection/status.js';

export default command({
  summary: 'from when until when the database can be brought back',
  examples: ['invctl db protect status', 'invctl db protect status --json'],
  data: (z) =>
    z.object({
      on: z.boolean(),
      receiver: z
        .enum(['receiving', 'waiting', 'refused', 'silent', 'off'])
        .describe('silent: it has not been heard of for 20 seconds'),
      message: z.string().describe('why it does not receive, or what else is wrong; else empty'),
      place: z.string(),
      windows: z
        .array(z.object({ from: z.string().describe('ISO time'), until: z.string() }))
        .describe('of which every second can be brought back, oldest first'),
      lagSeconds: z.int().nullable().describe('since the last moment that is safe'),
      lagBytes: z.number().nullable().describe('that the server has and the place has not'),
      bases: z.int(),
      newestBase: z.object({ id: z.string(), endedAt: z.string(), bytes: z.int() }).nullable(),
      bytes: z.object({ bases: z.int(), wal: z.int() }),
      everySeconds: z.int().nullable(),
      keepSeconds: z.int().nullable(),
    }),
  async run(context) {
    const status = await protectionStatus(context);
    const { windows, newestBase } = status;
    return {
      data: {
        ...status,
        windows: windows.map(({ from, until }) => ({ from: from.toISOString(), until: until.toISOString() })),
        newestBase: newestBase && { ...newestBase, endedAt: newestBase.endedAt.toISOString() },
      },
      text: describe(status, new Date()),
    };
  },
});

function describe(status: ProtectionStatus, now: Date): string {
  const { on, receiver, message, windows, bases, bytes, newestBase, place, everySeconds, keepSeconds } =
    status;
  const said = windows.map((window) => sayWindow(window, now));
  const lines = [
    on ? (receiver === 'receiving' ? 'protected' : `not protected now: ${message}`) : 'the protection is off',
    ...(said.length > 0
      ? [`can be brought back: ${said.join(', and ')}`]
      : ['nothing can be brought back yet']),
    ...(said.length > 1 ? ['of the time in between, nothing can be brought back'] : []),
  ];
  if (on) lines.push(sayLag(status));
  if (receiver === 'receiving' && message !== '') lines.push(message);
  if (newestBase) {
    lines.push(
      `${count(bases, 'base backup')} of ${formatBytes(bytes.bases)}, the newest ${formatDuration(now.getTime() - newestBase.endedAt.getTime())} old; WAL of ${formatBytes(bytes.wal)}`,
    );
  }
  if (everySeconds !== null && keepSeconds !== null) {
    lines.push(
      `a base backup every ${formatDuration(everySeconds * 1000)}; kept for ${formatDuration(keepSeconds * 1000)}`,
    );
  }
  lines.push(`in ${place}`);
  if (!on) lines.push('switch it on:  invctl db protect on');
  else if (receiver !== 'receiving') lines.push('what is wrong:  invctl doctor');
  return lines.join('\n');
}

function sayLag({ lagSeconds, lagBytes }: ProtectionStatus): string {
  const behind =
    lagSeconds === null ? 'no commit is safe yet' : `behind by ${formatDuration(lagSeconds * 1000)}`;
  return lagBytes === null ? behind : `${behind}, ${formatBytes(lagBytes)}`;
}
