import { isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { replaceScalar } from '../../project/compose-text.js';
import type { FixStep } from '../check.js';
import type { Facts } from '../facts.js';
import { freePortAbove, type WantedPort } from '../published-ports.js';
import { editService } from './compose-edit.js';

/** A step that publishes the next free port in place of one that is taken. */
export async function movePort(facts: Facts, { service, port, host }: WantedPort): Promise<FixStep[]> {
  const free = await freePortAbove(facts, host, port);
  return editService(facts, service, `publish ${free} in place of ${port} for ${service}`, (text, path) =>
    replacePublished(text, [...path, 'ports'], port, free),
  );
}

function replacePublished(
  text: string,
  path: readonly string[],
  port: number,
  free: number,
): string | undefined {
  const list = parseDocument(text).getIn(path, true);
  if (!isSeq(list)) return undefined;
  for (const [index, item] of list.items.entries()) {
    if (isMap(item)) {
      if (Number(item.get('published')) !== port) continue;
      return replaceScalar(text, [...path, index, 'published'], `"${free}"`);
    }
    const short = isScalar(item) ? String(item.value) : '';
    const match = /^((?:.*:)?)(\d+)(:\d+(?:\/\w+)?)$/.exec(short);
    if (match && Number(match[2]) === port) {
      return replaceScalar(text, [...path, index], `"${match[1]}${free}${match[3]}"`);
    }
  }
  return undefined;
}
