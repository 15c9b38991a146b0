import { isDeepStrictEqual } from 'node:util';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Both sides changed the same value differently. */
class Clash extends Error {}

/**
 * Merges three JSON documents key by key: if each side added a package to a `package.json`, the lines are
 * adjacent but there is no conflict.
 * @returns undefined if a text is not JSON, is not formatted as `JSON.stringify` does (the user's formatting
 * would be lost), or if both sides changed the same value.
 */
export function mergeJson(base: string, ours: string, theirs: string): string | undefined {
  try {
    const parsed = JSON.parse(ours) as Json;
    const indent = /^[[{]\n( +|\t+)/.exec(ours)?.[1];
    const layout = (value: Json) => JSON.stringify(value, null, indent) + (ours.endsWith('\n') ? '\n' : '');
    if (layout(parsed) !== ours) return undefined;
    const merged = mergeValue(JSON.parse(base) as Json, parsed, JSON.parse(theirs) as Json);
    return merged === undefined ? undefined : layout(merged);
  } catch (error) {
    if (error instanceof Clash || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Undefined: the key does not exist. */
function mergeValue(
  base: Json | undefined,
  ours: Json | undefined,
  theirs: Json | undefined,
): Json | undefined {
  if (isDeepStrictEqual(ours, theirs) || isDeepStrictEqual(base, theirs)) return ours;
  if (isDeepStrictEqual(base, ours)) return theirs;
  if (!isObject(ours) || !isObject(theirs)) throw new Clash();
  const from = isObject(base) ? base : {};
  return Object.fromEntries(
    keysOf(ours, theirs).flatMap((key) => {
      const value = mergeValue(own(from, key), own(ours, key), own(theirs, key));
      return value === undefined ? [] : [[key, value]];
    }),
  );
}

/**
 * Returns the keys of ours in their order, and each new key of theirs after the one that it follows there.
 */
function keysOf(ours: object, theirs: object): string[] {
  const keys = Object.keys(ours);
  let before = -1;
  for (const key of Object.keys(theirs)) {
    const at = keys.indexOf(key);
    before = at >= 0 ? at : before + 1;
    if (at < 0) keys.splice(before, 0, key);
  }
  return keys;
}

/** A key may have the name of a property that every object has, such as "constructor". */
function own(object: { [key: string]: Json }, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
