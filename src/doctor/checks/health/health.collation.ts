import { collations } from '../../../postgres/inspection/sections/collations.js';
import { healthCheck } from '../../database-health.js';

export const check = healthCheck({
  id: 'health.collation',
  section: collations,
  title: 'the order of text is that of another library',
  severity: 'warn',
  why: 'An index on text that is in another order than the library sorts by misses rows, and a unique one lets duplicates in.',
  docs: `Comes with an image on another release of its system: \`postgres:16\` moved from Debian 12 to 13, or \`-alpine\` to Debian. PostgreSQL notes the version of the C library (or ICU) that a database was made with, and warns in its log. \`REINDEX DATABASE\` builds the indexes anew in the order of now; \`ALTER DATABASE … REFRESH COLLATION VERSION\` notes the new version. That order matters: the second alone only silences the warning. A dump that is restored, as \`invctl db upgrade\` does it, has new indexes anyway.`,
});
