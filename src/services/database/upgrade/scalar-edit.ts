import { isCollection, isMap, isScalar, parseDocument, type Scalar } from 'yaml';

/** One value of a YAML file, or one key of it, that gets another text. Quotes, comments and the rest stay. */
export interface ScalarEdit {
  /** Of the value; with `key`, of the map that the key is in. */
  path: (string | number)[];
  /** True: `before` and `after` are names of a key. */
  key?: boolean;
  before: string;
  after: string;
}

/**
 * Applies edits one after the other.
 * @returns undefined where a place is not there, does not hold `before`, or is shared by an anchor or an alias.
 */
export function applyEdits(text: string, edits: readonly ScalarEdit[]): string | undefined {
  return edits.reduce<string | undefined>(
    (current, edit) => (current === undefined ? undefined : applyEdit(current, edit)),
    text,
  );
}

/** The edits that take `edits` back. */
export function inverse(edits: readonly ScalarEdit[]): ScalarEdit[] {
  return edits.map((edit) => ({ ...edit, before: edit.after, after: edit.before })).reverse();
}

function applyEdit(text: string, { path, key, before, after }: ScalarEdit): string | undefined {
  const document = parseDocument(text);
  let node: unknown = document.contents;
  for (const step of path) {
    // What has an anchor may be used elsewhere too.
    if (!isCollection(node) || node.anchor) return undefined;
    node = node.get(step, true);
  }
  const scalar = key ? keyOf(node, before) : node;
  if (!isScalar(scalar) || scalar.value !== before || scalar.anchor || !scalar.range) return undefined;
  const [start, end] = scalar.range;
  const source = text.slice(start, end);
  if (source.split(before).length !== 2) return undefined;
  const edited = text.slice(0, start) + source.replace(before, () => after) + text.slice(end);
  return parseDocument(edited).errors.length === 0 ? edited : undefined;
}

function keyOf(map: unknown, name: string): Scalar | undefined {
  if (!isMap(map) || map.anchor) return undefined;
  const key = map.items.map((pair) => pair.key).find((one) => isScalar(one) && one.value === name);
  return key as Scalar | undefined;
}
