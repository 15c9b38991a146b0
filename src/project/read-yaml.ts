import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import { invalidProject } from './invalid.js';
import { plainScalar } from './scalar.js';
import { timestampText } from './timestamp.js';
import { mapNode, type Position, type ScalarValue, scalarNode, type TreeMap, type TreeNode } from './tree.js';

/** One YAML document of a compose file. */
export interface ComposeDocument {
  tree: TreeMap;
  /** Paths that `!reset` and `!override` remove from earlier files. */
  cleared: string[][];
}

/** Aliases multiply values: a file with more than this is an attack or a mistake. */
const MAX_NODES = 500_000;
const YAML_TAG = 'tag:yaml.org,2002:';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Reads a compose file's YAML as go-yaml does: aliases and merge keys are resolved, numbers and booleans
 * follow its rules, and every key is a string and unique.
 * @throws UserError COMPOSE_SYNTAX or DUPLICATE_KEY with file and line.
 */
export function readYaml(text: string, file: string): ComposeDocument[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    schema: 'failsafe',
    resolveKnownTags: false,
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
    lineCounter: lines,
  });
  const position = (offset: number | undefined): Position => ({
    file,
    line: Math.max(1, lines.linePos(offset ?? 0).line),
  });
  if (!Array.isArray(documents)) return [];
  // go-yaml sees no document in a file with only comments, nor after the last separator.
  return documents
    .filter(
      (document) => document.errors.length > 0 || document.contents !== null || document.directives?.docStart,
    )
    .map((document) => readDocument(document, position));
}

function readDocument(
  document: Document.Parsed,
  position: (offset: number | undefined) => Position,
): ComposeDocument {
  const [error] = document.errors;
  if (error) throw syntaxError(error.code, error.message, position(error.pos[0]));
  const anchors = new Map<string, Node>();
  const expanding = new Set<Node>();
  const cleared: string[][] = [];
  let count = 0;

  const positionOf = (node: unknown): Position =>
    position((node as { range?: [number, number, number] | null } | null)?.range?.[0]);

  /** Returns undefined for a node that `!reset` removes. */
  function read(node: Node | null, path: readonly string[], at: Position): TreeNode | undefined {
    if (++count > MAX_NODES) throw syntaxError('ALIASES', 'the document contains excessive aliasing', at);
    if (node === null) return scalarNode(at, null);
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (!target) throw syntaxError('ALIAS', `unknown anchor '${node.source}' referenced`, positionOf(node));
      if (expanding.has(target)) {
        throw syntaxError('ALIAS', `anchor '${node.source}' value contains itself`, positionOf(node));
      }
      return read(target, path, at);
    }
    if (node.tag === '!reset' || node.tag === '!override') cleared.push([...path]);
    if (node.tag === '!reset') return undefined;
    const anchor = isMap(node) || isSeq(node) || isScalar(node) ? node.anchor : undefined;
    if (anchor !== undefined) anchors.set(anchor, node);
    if (isScalar(node)) return scalarNode(at, scalarValue(node, at));
    expanding.add(node);
    try {
      if (isMap(node)) return readMap(node, path, at);
      if (!isSeq(node)) throw syntaxError('NODE', 'unexpected YAML node', at);
      const items = node.items.flatMap((item, index) => {
        const value = read(item as Node, [...path, `[${index}]`], positionOf(item));
        return value ? [value] : [];
      });
      return { kind: 'list', items, at };
    } finally {
      expanding.delete(node);
    }
  }

  function readMap(node: YAMLMap, path: readonly string[], at: Position): TreeMap {
    const map = mapNode(at);
    const merges: { value: Node | null; at: Position }[] = [];
    const keys = new Map<string, Position>();
    for (const pair of node.items) {
      const keyNode = isAlias(pair.key) ? anchors.get(pair.key.source) : pair.key;
      const keyAt = positionOf(pair.key ?? pair.value);
      if (!isScalar(keyNode)) throw syntaxError('KEY', 'a key must be a string', keyAt);
      if (keyNode.anchor) anchors.set(keyNode.anchor, keyNode);
      const key = scalarValue(keyNode as Scalar, keyAt);
      const keyText = String((keyNode as Scalar).value ?? '');
      const earlier = keys.get(keyText);
      if (earlier) {
        throw invalidProject(
          'DUPLICATE_KEY',
          `the key \`${keyText}\` is there twice: it is already defined at line ${earlier.line}`,
          keyAt,
          `merge both \`${keyText}\` into one, or rename one`,
        );
      }
      keys.set(keyText, keyAt);
      const value = pair.value as Node | null;
      if (keyText === '<<' && isPlain(keyNode as Scalar)) {
        merges.push({ value, at: keyAt });
        continue;
      }
      if (typeof key !== 'string') {
        throw syntaxError('KEY', `the key ${String(key)} is not a string`, keyAt, `quote it: "${keyText}"`);
      }
      const child = read(value, [...path, key], keyAt);
      if (child) map.entries.set(key, child);
    }
    for (const merge of merges) mergeInto(map, read(merge.value, path, merge.at), merge.at);
    return map;
  }

  const root = read(document.contents, [], position(document.contents?.range?.[0]));
  if (root?.kind !== 'map') {
    throw syntaxError('ROOT', 'top-level object must be a mapping', root?.at ?? position(0));
  }
  return { tree: root, cleared };
}

/** Merges `<<`: existing keys are kept; if there are several maps, the first counts. */
function mergeInto(map: TreeMap, source: TreeNode | undefined, at: Position): void {
  const sources = source?.kind === 'list' ? source.items : source ? [source] : [];
  for (const item of sources) {
    if (item.kind !== 'map') {
      throw syntaxError('MERGE', 'map merge requires map or sequence of maps as the value', at);
    }
    for (const [key, value] of item.entries) if (!map.entries.has(key)) map.entries.set(key, value);
  }
}

function isPlain(node: Scalar): boolean {
  return node.type === 'PLAIN' && (node.tag === undefined || !node.tag.startsWith(YAML_TAG));
}

function scalarValue(node: Scalar, at: Position): ScalarValue {
  const text = String(node.value ?? '');
  const tag = node.tag?.startsWith(YAML_TAG) ? node.tag.slice(YAML_TAG.length) : node.tag;
  switch (tag) {
    case undefined:
      return node.type === 'PLAIN' || node.type === undefined ? plainScalar(text) : text;
    case 'null':
    case 'bool':
    case 'int':
    case 'float':
      return taggedScalar(tag, text, at);
    case 'timestamp': {
      const time = timestampText(text);
      if (time === undefined) throw syntaxError('TAG', 'the value does not fit its tag !!timestamp', at);
      return time;
    }
    case 'binary': {
      const base64 = text.replace(/[\r\n]/g, '');
      if (!BASE64.test(base64)) throw syntaxError('TAG', 'the value of a !!binary is not base64', at);
      return Buffer.from(base64, 'base64').toString();
    }
    default:
      return text;
  }
}

function taggedScalar(tag: 'null' | 'bool' | 'int' | 'float', text: string, at: Position): ScalarValue {
  const value = plainScalar(text);
  const fits =
    (tag === 'null' && value === null) ||
    (tag === 'bool' && typeof value === 'boolean') ||
    (tag === 'int' && typeof value === 'bigint') ||
    (tag === 'float' && (typeof value === 'number' || typeof value === 'bigint'));
  if (!fits) throw syntaxError('TAG', `the value does not fit its tag !!${tag}`, at);
  return tag === 'float' ? Number(value) : value;
}

function syntaxError(code: string, message: string, at: Position, hint?: string) {
  if (code === 'TAB_AS_INDENT' || /tab/i.test(message)) {
    return invalidProject(
      'COMPOSE_SYNTAX',
      'a tab is used for indentation, which YAML forbids',
      at,
      'replace the tab by spaces',
    );
  }
  return invalidProject(
    'COMPOSE_SYNTAX',
    `this is not valid YAML: ${message}`,
    at,
    hint ?? 'see the line named above; the mistake may begin in the line before it',
  );
}
