import type { Zod } from '../../../output/shapes.js';
import { type Column, type Columns, INSPECTION } from '../../../services/database/inspect.js';

/** The data that `db inspect` reports: the rows of each section have the shape of its columns. */
export const inspectionShape = (z: Zod) =>
  z.object({
    database: z.string(),
    server: z.object({
      release: z.string().describe('as 16.4'),
      replica: z.boolean(),
      startedAt: z.string().describe('ISO time'),
      countersSince: z.string().nullable().describe('ISO time; null: since the database was made'),
      role: z.string().describe('that looked'),
      seesAll: z.boolean().describe('false: other roles’ sessions and some sizes are hidden from it'),
      maxConnections: z.int(),
    }),
    sections: z.array(z.union(INSPECTION.map(({ id, columns }) => sectionShape(z, id, columns)))),
  });

function sectionShape(z: Zod, id: string, columns: Columns) {
  return z.object({
    id: z.literal(id),
    title: z.string(),
    meaning: z.string(),
    unavailable: z
      .object({ reason: z.string(), next: z.string() })
      .optional()
      .describe('why there are no rows, and what to type for them'),
    findings: z.array(
      z.object({
        weight: z.enum(['fail', 'warn', 'info']).describe('fail and warn: `doctor` tells of them as well'),
        message: z.string(),
        next: z.string().describe('what to type or to edit'),
      }),
    ),
    rows: z.array(
      z.object(
        Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, valueShape(z, column)])),
      ),
    ),
  });
}

function valueShape(z: Zod, { kind, nullable, title, about }: Column) {
  const value =
    kind === 'flag'
      ? z.boolean()
      : kind === 'text' || kind === 'statement' || kind === 'time'
        ? z.string()
        : z.number();
  const unit = { bytes: ', bytes', seconds: ', seconds', percent: ', per cent', time: ', ISO time' }[
    kind as string
  ];
  const described = `${title}${unit ?? ''}${about ? `: ${about}` : ''}`;
  return nullable ? value.nullable().describe(described) : value.describe(described);
}
