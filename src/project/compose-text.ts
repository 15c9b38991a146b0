import {
  isCollection,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';

type Path = readonly (string | number)[];

/**
 * Edits of a compose file's text that leave every other character as it is: comments, quotes and blank lines
 * stay. Each returns undefined if the place does not exist or cannot be edited safely (an alias, a merged
 * key); the user then has to edit it.
 */

/** Replaces a scalar by YAML text. */
export function replaceScalar(text: string, path: Path, yaml: string): string | undefined {
  const node = parseDocument(text).getIn(path, true);
  if (!isScalar(node) || node.anchor || !node.range) return undefined;
  return checked(text.slice(0, node.range[0]) + yaml + text.slice(node.range[1]));
}

/** Sets a key of the map at `path`; a missing map is added. `yaml` is a one-line value. */
export function setKey(text: string, path: Path, key: string, yaml: string): string | undefined {
  const document = parseDocument(text);
  const map = document.getIn(path, true);
  if (map === undefined || (isScalar(map) && map.value === null)) {
    const name = path.at(-1);
    if (typeof name !== 'string' || path.length < 2) return undefined;
    return setKey(text, path.slice(0, -1), name, `{ ${key}: ${yaml} }`);
  }
  if (isSeq(map)) {
    // `environment` as a list of NAME=value.
    return undefined;
  }
  if (!isMap(map) || !map.range) return undefined;
  const present = pairOf(map, key);
  if (present) {
    return isScalar(present.value) ? replaceScalar(text, [...path, key], yaml) : undefined;
  }
  return insertLast(text, map, `${key}: ${yaml}`);
}

/** Adds an item to the sequence at `path`; a missing sequence is added. */
export function addItem(text: string, path: Path, yaml: string): string | undefined {
  const list = parseDocument(text).getIn(path, true);
  if (list === undefined || (isScalar(list) && list.value === null)) {
    const name = path.at(-1);
    return typeof name === 'string' ? setKey(text, path.slice(0, -1), name, `[${yaml}]`) : undefined;
  }
  if (!isSeq(list) || !list.range) return undefined;
  return insertLast(text, list, list.flow ? yaml : `- ${yaml}`);
}

/** Replaces a list of texts by the one-line YAML that `change` returns; undefined: it stays. */
export function replaceList(
  text: string,
  path: Path,
  change: (items: readonly string[]) => string | undefined,
): string | undefined {
  const list = parseDocument(text).getIn(path, true);
  if (!isSeq(list) || list.anchor || !list.range || !list.items.every((item) => isScalar(item)))
    return undefined;
  const yaml = change(list.items.map((item) => String((item as Scalar).value)));
  const end = list.flow ? list.range[1] : endOfContent(text, list);
  if (yaml === undefined || end === undefined) return undefined;
  return checked(text.slice(0, list.range[0]) + yaml + text.slice(end));
}

/** Removes a key of a block map, with its value and its line end. */
export function removeKey(text: string, path: Path): string | undefined {
  const parent =
    path.length === 1 ? parseDocument(text).contents : parseDocument(text).getIn(path.slice(0, -1), true);
  if (!isMap(parent) || parent.flow) return undefined;
  const pair = pairOf(parent, String(path.at(-1)));
  const start = (pair?.key as Scalar | undefined)?.range?.[0];
  const end =
    (pair?.value as Scalar | undefined)?.range?.[2] ?? (pair?.key as Scalar | undefined)?.range?.[2];
  if (start === undefined || end === undefined) return undefined;
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const afterLine = text[end - 1] === '\n' ? end : lineEnd(text, end);
  return checked(
    text.slice(0, lineStart) + text.slice(afterLine).replace(lineStart === 0 ? /^\n+/ : /^/, ''),
  );
}

/**
 * Adds lines after an entry of a block map, as another entry of it, with a blank line before them.
 * @param lines written at the left margin.
 */
export function addAfter(text: string, path: Path, lines: readonly string[]): string | undefined {
  const parent = parseDocument(text).getIn(path.slice(0, -1), true);
  if (!isMap(parent) || parent.flow || parent.anchor) return undefined;
  const pair = pairOf(parent, String(path.at(-1)));
  const start = (pair?.key as Scalar | undefined)?.range?.[0];
  const at = endOfContent(text, pair?.value ?? pair?.key);
  if (start === undefined || at === undefined) return undefined;
  const indent = text.slice(text.lastIndexOf('\n', start - 1) + 1, start);
  if (!/^ +$/.test(indent)) return undefined;
  const end = lineEnd(text, at);
  const head = text.slice(0, end);
  const added = lines.map((line) => (line === '' ? '' : `${indent}${line}`)).join('\n');
  return checked(`${head}${head.endsWith('\n') ? '' : '\n'}\n${added}\n${text.slice(end)}`);
}

/** Changes the item of a `NAME=value` list. */
export function replaceItem(
  text: string,
  path: Path,
  matches: (value: string) => boolean,
  yaml: string,
): string | undefined {
  const list = parseDocument(text).getIn(path, true);
  if (!isSeq(list)) return undefined;
  const index = list.items.findIndex((item) => isScalar(item) && matches(String(item.value)));
  return index < 0 ? undefined : replaceScalar(text, [...path, index], yaml);
}

/** Returns the text of a value as a YAML scalar: quoted if a plain one could be read as something else. */
export function scalarYaml(value: string): string {
  return /^[A-Za-z_./][\w./-]*$/.test(value) && !/^(y|n|yes|no|on|off|true|false|null)$/i.test(value)
    ? value
    : JSON.stringify(value);
}

/** The replacement of one value of a YAML file, or of one key. Quotes, comments and everything else stay. */
export interface ScalarEdit {
  /** Path of the value; with `key`, path of the map that contains the key. */
  path: (string | number)[];
  /** True: `before` and `after` are names of a key. */
  key?: boolean;
  before: string;
  after: string;
}

/**
 * Applies edits one after the other.
 * @returns undefined if a place does not exist, does not contain `before`, or is shared by an anchor or an
 * alias.
 */
export function applyEdits(text: string, edits: readonly ScalarEdit[]): string | undefined {
  return edits.reduce<string | undefined>(
    (current, edit) => (current === undefined ? undefined : applyEdit(current, edit)),
    text,
  );
}

/** Returns the edits that revert `edits`. */
export function inverse(edits: readonly ScalarEdit[]): ScalarEdit[] {
  return edits.map((edit) => ({ ...edit, before: edit.after, after: edit.before })).reverse();
}

function applyEdit(text: string, { path, key, before, after }: ScalarEdit): string | undefined {
  const document = parseDocument(text);
  let node: unknown = document.contents;
  for (const step of path) {
    // A node with an anchor may be used elsewhere too.
    if (!isCollection(node) || node.anchor) return undefined;
    node = node.get(step, true);
  }
  const scalar = key ? keyOf(node, before) : node;
  if (!isScalar(scalar) || scalar.value !== before || scalar.anchor || !scalar.range) return undefined;
  const [start, end] = scalar.range;
  const source = text.slice(start, end);
  if (source.split(before).length !== 2) return undefined;
  return checked(text.slice(0, start) + source.replace(before, () => after) + text.slice(end));
}

function keyOf(map: unknown, name: string): Scalar | undefined {
  if (!isMap(map) || map.anchor) return undefined;
  const key = map.items.map((pair) => pair.key).find((one) => isScalar(one) && one.value === name);
  return key as Scalar | undefined;
}

function insertLast(text: string, collection: YAMLMap | YAMLSeq, yaml: string): string | undefined {
  const range = collection.range as [number, number, number];
  if (collection.flow) {
    const inside = text.slice(range[0] + 1, range[1] - 1);
    const empty = inside.trim() === '';
    const padded = isMap(collection) ? ` ${yaml} ` : yaml;
    const replacement = empty ? padded : `${inside.trimEnd()}, ${yaml}${/\s$/.test(inside) ? ' ' : ''}`;
    return checked(text.slice(0, range[0] + 1) + replacement + text.slice(range[1] - 1));
  }
  const first = collection.items[0];
  const firstNode = isMap(collection) ? (first as Pair | undefined)?.key : first;
  const start = (firstNode as Scalar | undefined)?.range?.[0];
  if (start === undefined) return undefined;
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const lead = text.slice(lineStart, start);
  const indent = isMap(collection) ? lead : lead.slice(0, lead.indexOf('-'));
  if (!/^ *$/.test(indent) || (isMap(collection) && indent.includes('-'))) return undefined;
  const last = collection.items.at(-1);
  const lastNode = isMap(collection) ? ((last as Pair).value ?? (last as Pair).key) : last;
  const at = endOfContent(text, lastNode);
  if (at === undefined) return undefined;
  const end = lineEnd(text, at);
  const head = text.slice(0, end);
  return checked(`${head}${head.endsWith('\n') ? '' : '\n'}${indent}${yaml}\n${text.slice(end)}`);
}

/** Returns the end of a node's own text: its range also includes the comments and blank lines after it. */
function endOfContent(text: string, node: unknown): number | undefined {
  if (isCollection(node) && !node.flow && node.items.length > 0) {
    const last = node.items.at(-1);
    const inner = isMap(node) ? ((last as Pair).value ?? (last as Pair).key) : last;
    return endOfContent(text, inner);
  }
  const range = (node as Scalar | undefined)?.range;
  if (!range) return undefined;
  // A block scalar's range ends after its last line.
  return text[range[1] - 1] === '\n' ? range[1] - 1 : range[1];
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end + 1;
}

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === key);
}

/** Returns the text if it is valid YAML, otherwise undefined. */
function checked(text: string): string | undefined {
  return parseDocument(text).errors.length === 0 ? text : undefined;
}
