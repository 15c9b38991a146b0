import { relative } from 'node:path';
import type { Style } from '../../output/style.js';
import { table } from '../../output/table.js';
import { count } from '../../output/units.js';
import type {
  ComparedProject,
  ComparedValue,
  ComparedVariable,
  EnvironmentComparison,
} from '../../services/compare-environments.js';

/** Most characters of a value in a column; JSON has all of them. */
const MOST_SHOWN = 32;

/** Two environments compared, as text for a person: what differs, what both use, and how much is equal. */
export function comparisonText(
  { left, right, variables, shared }: EnvironmentComparison,
  directory: string,
  style: Style,
): string {
  const differing = variables.filter(({ same }) => !same);
  const same = variables.length - differing.length;
  const rows = differing.map(({ service, name, ...sides }) => [service, name, ...valuesOf(sides)]);
  const secrets = variables.filter(({ same: alike, left: one }) => alike && one.redacted && one.value !== '');
  const lines = [
    `${style.bold(title(left))} against ${style.bold(title(right))}`,
    ...(rows.length > 0 ? ['', table(['SERVICE', 'VARIABLE', heading(left), heading(right)], rows)] : []),
    '',
    `${count(differing.length, 'variable differs', 'variables differ')}, ${same} ${same === 1 ? 'is' : 'are'} the same`,
    ...secrets.map(({ service, name }) => style.yellow(`the same secret in both: ${name} of ${service}`)),
    ...shared.map(({ kind, name }) => {
      const shown = kind === 'secret' || kind === 'folder' ? relative(directory, name) || '.' : name;
      return style.yellow(`both use the ${kind === 'secret' ? 'secret file' : kind} ${shown}`);
    }),
  ];
  return lines.join('\n');
}

function title({ environment, project }: ComparedProject): string {
  return environment === null ? project : `${environment} (${project})`;
}

function heading({ environment, project }: ComparedProject): string {
  return (environment ?? project).toUpperCase();
}

function valuesOf({ left, right }: Pick<ComparedVariable, 'left' | 'right'>): string[] {
  const another = left.redacted && right.redacted && left.value === right.value ? ' (another)' : '';
  return [shown(left), `${shown(right)}${another}`];
}

function shown({ source, set, value }: ComparedValue): string {
  if (source === null) return '-';
  if (!set || value === null) return '(unset)';
  const line = value.replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  return line.length > MOST_SHOWN ? `${line.slice(0, MOST_SHOWN - 1)}…` : line;
}
