import { settings } from '../../../postgres/inspection/sections/settings.js';
import { healthCheck } from '../../database-health.js';

export const check = healthCheck({
  id: 'health.unsafe-settings',
  section: settings,
  title: 'a setting does not keep the data whole',
  severity: 'warn',
  why: 'Faster while all goes well; after a power cut, or in time, the data is not whole.',
  docs: `\`fsync\` and \`full_page_writes\` off are for throw-away databases: after a crash of the machine the data may be torn without a word. \`autovacuum\` or \`track_counts\` off lets tables grow and statistics age. \`invctl db inspect --section settings\` shows where each comes from. Where it is meant, say so in \`invctl.yaml\`: \`doctor: {ignore: [{id: health.unsafe-settings, reason: …}]}\`.`,
});
