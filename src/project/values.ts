import { parseDuration } from './duration.js';
import { joinPath, refuse } from './invalid.js';
import { shellWords } from './shell-words.js';
import { mapAt, type ScalarValue, type TreeMap, type TreeNode } from './tree.js';

interface Form {
  /** The required form of a value, for the message. */
  expected: string;
  holds: (value: ScalarValue) => boolean;
}

const duration = ofText('a duration such as 30s or 1m30s', (text) => parseDuration(text) !== undefined);
const byteSize = ofText('a size such as 512m or 2g', (text) =>
  /^\d+(\.\d+)* ?[kKmMgGtTpP]?[iI]?[bB]?$/.test(text),
);
const command = ofText('a command with its quotes closed', (text) => shellWords(text) !== undefined);
const host = ofText('HOST=ADDRESS', (text) => /^[^=:]+[=:]/.test(text));
const count: Form = {
  expected: 'at least 0',
  holds: (value) => typeof value === 'string' || Number(value) >= 0,
};

/** By the keys below a service, `[]` for the entries of a list. */
export const FORMS: ReadonlyMap<string, Form> = new Map<string, Form>([
  ['build.extra_hosts[]', host],
  ['build.shm_size', byteSize],
  ['command', command],
  ['deploy.resources.limits.memory', byteSize],
  ['deploy.resources.reservations.memory', byteSize],
  ['deploy.restart_policy.delay', duration],
  ['deploy.restart_policy.window', duration],
  ['deploy.rollback_config.delay', duration],
  ['deploy.rollback_config.monitor', duration],
  ['deploy.update_config.delay', duration],
  ['deploy.update_config.monitor', duration],
  ['develop.watch[].exec.command', command],
  ['entrypoint', command],
  ['extra_hosts[]', host],
  ['healthcheck.interval', duration],
  ['healthcheck.retries', count],
  ['healthcheck.start_interval', duration],
  ['healthcheck.start_period', duration],
  ['healthcheck.timeout', duration],
  ['mem_limit', byteSize],
  ['mem_reservation', byteSize],
  ['mem_swappiness', byteSize],
  ['memswap_limit', byteSize],
  ['post_start[].command', command],
  ['pre_stop[].command', command],
  ['shm_size', byteSize],
  ['stop_grace_period', duration],
  ['volumes[].tmpfs.size', byteSize],
]);

function ofText(expected: string, holds: (text: string) => boolean): Form {
  return { expected, holds: (value) => typeof value !== 'string' || holds(value) };
}

/**
 * Checks rules of single values that the schema does not have, but that Compose applies when it converts them
 * to its own types: after all files are merged.
 * @throws UserError COMPOSE_INVALID at the first mistake in file order.
 */
export function checkValues(root: TreeMap): void {
  for (const [name, service] of mapAt(root, 'services')?.entries ?? []) {
    checkForms(service, '', joinPath('services', name));
  }
}

/** @param keys of `node` below its service, in the form of {@link FORMS} */
function checkForms(node: TreeNode, keys: string, path: string): void {
  if (node.kind === 'map') {
    for (const [key, value] of node.entries) checkForms(value, joinPath(keys, key), joinPath(path, key));
  } else if (node.kind === 'list') {
    for (const [index, item] of node.items.entries()) checkForms(item, `${keys}[]`, `${path}[${index}]`);
  } else {
    const form = FORMS.get(keys);
    if (form && !form.holds(node.value)) refuse(node, path, [form.expected]);
  }
}
