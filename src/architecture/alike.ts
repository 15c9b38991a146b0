import { code, sentence } from './markdown.js';
import type { StackService } from './stack.js';

/** Groups services with the same text, so that it is written once. */
export function alike(
  services: readonly StackService[],
  tell: (service: StackService) => string,
): { names: string[]; text: string }[] {
  const groups = new Map<string, string[]>();
  for (const service of services) {
    const text = tell(service);
    groups.set(text, [...(groups.get(text) ?? []), service.name]);
  }
  return [...groups].map(([text, names]) => ({ names, text }));
}

/** A heading has at most this many names. */
const MOST_NAMES = 4;

export function headingOf(names: readonly string[]): string {
  if (names.length <= MOST_NAMES) return sentence(names.map(code));
  return `${names
    .slice(0, MOST_NAMES - 1)
    .map(code)
    .join(', ')} and ${names.length - MOST_NAMES + 1} more`;
}

/** Lists all the names if the heading has no room for them. */
export function listOf(names: readonly string[]): string {
  return names.length <= MOST_NAMES ? '' : `${sentence(names.map(code))}.`;
}
