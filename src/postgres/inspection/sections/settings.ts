import { column } from '../column.js';
import { type Advice, defineSection } from '../section.js';
import { changeSetting } from '../words.js';

interface Judged {
  name: string;
  should: string;
  why: string;
}

const JUDGED: readonly Judged[] = [
  {
    name: 'fsync',
    should: 'on',
    why: 'after a power cut the data may be lost or torn, and PostgreSQL does not notice',
  },
  {
    name: 'full_page_writes',
    should: 'on',
    why: 'after a power cut pages may be torn, and PostgreSQL does not notice',
  },
  { name: 'autovacuum', should: 'on', why: 'tables grow without an end, and statistics grow old' },
  { name: 'track_counts', should: 'on', why: 'autovacuum does not know where there is work, and does none' },
];

/** Settings that protect the data. */
export const settings = defineSection({
  id: 'settings',
  title: 'Settings that keep the data whole',
  meaning:
    'What must not be off where the data matters. A throw-away database of tests may have it otherwise.',
  columns: {
    name: column('text', 'setting'),
    value: column('text', 'value'),
    source: column('text', 'from', 'as in pg_settings: default, configuration file, command line'),
  },
  sql: () => `
SELECT name, setting AS value, source FROM pg_settings
WHERE name IN (${JUDGED.map(({ name }) => `'${name}'`).join(', ')}) ORDER BY name`,
  dangers: (rows, server) =>
    rows.flatMap(({ name, value }): Advice[] => {
      const judged = JUDGED.find((one) => one.name === name);
      if (!judged || value === judged.should) return [];
      return [
        {
          weight: 'warn',
          message: `${name} is ${value}: ${judged.why}`,
          next: changeSetting(server, name, judged.should),
        },
      ];
    }),
});
