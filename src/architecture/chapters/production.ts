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

function item({ id, title, outcome, reason, findings }: JudgedCheck): string {
  const done = outcome === 'pass' ? 'x' : ' ';
  const line = `- [${done}] ${title[0]?.toUpperCase()}${title.slice(1)} (${code(id)})`;
  if (outcome === 'pass') return line;
  if (outcome === 'machine') return `${line}: ${plain(reason ?? '')}`;
  if (findings.length === 0) return `${line}: not decided here: ${plain(reason ?? '')}`;
  return `${line}: ${findings
    .slice(0, 4)
    .map(({ message }) => plain(message))
    .join('; ')}${findings.length > 4 ? ` and ${findings.length - 4} more` : ''}`;
}
