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
      earlier: z
        .array(
          z.object({
            major: z.int(),
            windows: z.array(z.object({ from: z.string(), until: z.string() })),
          }),
        )
        .describe('of before upgrades: tables alone can be brought back, with the image of that major'),
      lagSeconds: z.int().nullable().describe('since the last moment that is safe'),
      lagBytes: z.number().nullable().describe('that the server has and the place has not'),
      bases: z.int(),
      newestBase: z.object({ id: z.string(), endedAt: z.string(), bytes: z.int() }).nullable(),
      bytes: z.object({ bases: z.int(), wal: z.int() }),
      copy: z
        .object({
          address: z.string(),
          covered: z.string().nullable().describe('ISO time until when all that was committed is there'),
          message: z.string().describe('what is wrong with the copies; else empty'),
        })
        .nullable()
        .describe('of the base backups and the WAL; null: backup.copyTo is not set'),
      drill: z
        .object({
          at: z.string(),
          seconds: z.number(),
          base: z.string().nullable(),
          rows: z.int(),
          failure: z.string().nullable().describe('null: it went well'),
        })
        .nullable()
        .describe('the newest `db verify --to`'),
      everySeconds: z.int().nullable(),
      keepSeconds: z.int().nullable(),
    }),
  async run(context) {
    const status = await protectionStatus(context);
    const { since: _, ...told } = status;
    const { windows, newestBase, copy } = status;
    return {
      data: {
        ...told,
        windows: windows.map(isoWindow),
        earlier: status.earlier.map(({ major, windows }) => ({ major, windows: windows.map(isoWindow) })),
        copy: copy && { ...copy, covered: copy.covered?.toISOString() ?? null },
        newestBase: newestBase && { ...newestBase, endedAt: newestBase.endedAt.toISOString() },
      },
      text: describe(status, new Date()),
    };
  },
});

function isoWindow({ from, until }: ProtectionStatus['windows'][number]): { from: string; until: string } {
  return { from: from.toISOString(), until: until.toISOString() };
}

/** @returns the text for a person. */
export function describe(status: ProtectionStatus, now: Date): string {
  const { on, receiver, message, windows, bases, bytes, newestBase, place, everySeconds, keepSeconds } =
    status;
  const said = windows.map((window) => sayWindow(window, now));
  const lines = [
    sayState(status),
    ...(said.length > 0
      ? [`can be brought back: ${said.join(', and ')}`]
      : ['nothing can be brought back yet']),
    ...(said.length > 1 ? ['nothing in between can be brought back'] : []),
  ];
  for (const { major, windows } of status.earlier) {
    const said = windows.map((window) => sayWindow(window, now)).join(', and ');
    lines.push(`of the server of PostgreSQL ${major} that was here before, tables alone (--table): ${said}`);
  }
  if (on) lines.push(sayLag(status, now));
  if (receiver === 'receiving' && message !== '') lines.push(message);
  if (newestBase) {
    lines.push(
      `${count(bases, 'base backup')} of ${formatBytes(bytes.bases)}, the newest ${formatDuration(now.getTime() - newestBase.endedAt.getTime())} old; WAL of ${formatBytes(bytes.wal)}`,
    );
  }
  lines.push(...sayDrill(status, now), ...sayCopy(status, now));
  if (everySeconds !== null && keepSeconds !== null) {
    lines.push(
      `a base backup every ${formatDuration(everySeconds * 1000)}; kept for ${formatDuration(keepSeconds * 1000)}`,
    );
  }
  lines.push(`in ${place}`);
  if (!on)
    lines.push(message === '' ? 'switch it on:  invctl db protect on' : 'what is wrong:  invctl doctor');
  else if (receiver !== 'receiving') lines.push('what is wrong:  invctl doctor');
  return lines.join('\n');
}

function sayState({ on, receiver, message, bases }: ProtectionStatus): string {
  if (!on) return message === '' ? 'the protection is off' : `not protected now: ${message}`;
  if (receiver !== 'receiving') return `not protected now: ${message}`;
  return bases === 0 ? 'not protected yet: the first base backup is not whole' : 'protected';
}

function sayLag({ receiver, since, lagSeconds, lagBytes }: ProtectionStatus, now: Date): string {
  if (lagSeconds !== null) {
    const behind = `behind by ${formatDuration(lagSeconds * 1000)}`;
    return lagBytes === null ? behind : `${behind}, ${formatBytes(lagBytes)}`;
  }
  if (receiver !== 'receiving' || !since) return 'no commit is known to be safe yet';
  return `the receiver began ${formatDuration(Math.max(0, now.getTime() - since.getTime()))} ago, and looks every few seconds until when all is safe`;
}

function sayDrill({ drill, newestBase }: ProtectionStatus, now: Date): string[] {
  if (!newestBase) return [];
  if (!drill) return ['never tried: invctl db verify --to latest'];
  const age = formatDuration(now.getTime() - Date.parse(drill.at));
  return drill.failure === null
    ? [
        `tried ${age} ago: ${count(drill.rows, 'row')} brought back in ${formatDuration(drill.seconds * 1000)}`,
      ]
    : [`tried ${age} ago, failed: ${drill.failure}`];
}

function sayCopy({ copy }: ProtectionStatus, now: Date): string[] {
  if (!copy) return [];
  const until = copy.covered
    ? `safe there until ${formatDuration(now.getTime() - copy.covered.getTime())} ago`
    : 'nothing yet';
  return [`copies in ${copy.address}: ${until}`, ...(copy.message === '' ? [] : [copy.message])];
}
