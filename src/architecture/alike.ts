import { code, sentence } from './markdown.js';
import type { StackService } from './stack.js';

/** Services of which the same is to be told, told of once. */
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

/** More names than this are no heading. */
const MOST_NAMES = 4;

export function headingOf(names: readonly string[]): string {
  if (names.length <= MOST_NAMES) return sentence(names.map(code));
  return `${names
    .slice(0, MOST_NAMES - 1)
    .map(code)
    .join(', ')} and ${names.length - MOST_NAMES + 1} more`;
}

/** All the names, where the heading has not room for them. */
export function listOf(names: readonly string[]): string {
  return names.length <= MOST_NAMES ? '' : `${sentence(names.map(code))}.`;
}
