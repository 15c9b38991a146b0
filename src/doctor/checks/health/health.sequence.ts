import { sequences } from '../../../postgres/inspection/sections/sequences.js';
import { healthCheck } from '../../database-health.js';

export const check = healthCheck({
  id: 'health.sequence',
  section: sequences,
  title: 'a sequence is near its end',
  severity: 'warn',
  why: 'When it is at its end every INSERT fails: "nextval: reached maximum value of sequence", or "integer out of range".',
  docs: `A warning from 80 % of its numbers, a failure from 95 %; a sequence that cycles is left alone. The end is the sequence's own or that of the column that it fills, whichever comes first: an int4 column ends at 2,147,483,647. \`ALTER TABLE … TYPE bigint\` rewrites the table under a lock: for a large one add a bigint column beside it, fill it in batches, and swap them in one transaction. Columns that refer to it have to become bigint as well.`,
});
