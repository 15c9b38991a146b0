import type { Chapter } from '../chapter.js';
import { code, paragraphs, plain } from '../markdown.js';
import type { JudgedCheck } from '../stack.js';

export const production: Chapter = {
  name: 'production',
  heading: 'Before it serves people',
  body: ({ checklist }) =>
    paragraphs(
      `The twelve items of the production checklist, judged as far as the files decide. ${code('invctl doctor --production')} judges them on the machine that serves.`,
      checklist.map(item).join('\n'),
    ),
};

/** The items as goals, whereas a check's title names the problem. */
const ITEMS: Readonly<Record<string, string>> = {
  'prod.dev-config': 'Nothing in the configuration is for development only',
  'prod.env-files': 'Each environment has settings of its own',
  'prod.limits': 'Every service has a memory limit',
  'prod.restart': 'Every service is started again after a crash',
  'prod.logs': 'Logs are bounded and collected',
  'prod.healthchecks': 'Every service has a health check',
  'prod.monitoring': 'Something watches the stack',
  'prod.secrets-manager': 'Secrets come out of a secrets manager',
  'prod.backups': 'There is a backup that is young enough',
  'prod.orchestration': 'An orchestrator runs it, where one machine is not enough',
  'prod.ci': 'A pipeline builds and tests it',
  'prod.scanning': 'Images are scanned for known holes',
};

function item({ id, title, outcome, reason, findings }: JudgedCheck): string {
  const done = outcome === 'pass' ? 'x' : ' ';
  const line = `- [${done}] ${ITEMS[id] ?? title} (${code(id)})`;
  if (outcome === 'pass') return line;
  if (outcome === 'machine') return `${line}: ${plain(reason ?? '')}`;
  if (findings.length === 0) return `${line}: not decided here: ${plain(reason ?? '')}`;
  return `${line}: ${findings
    .slice(0, 4)
    .map(({ message }) => plain(message))
    .join('; ')}${findings.length > 4 ? ` and ${findings.length - 4} more` : ''}`;
}
