import { interpolate, TemplateError } from './interpolate.js';
import { invalidProject } from './invalid.js';
import type { TreeMap, TreeNode, TreeScalar } from './tree.js';
import { matching, patternTable, type TreePath } from './tree-path.js';

type Cast = (text: string) => bigint | number | boolean | undefined;

const toInteger: Cast = (text) => (/^[-+]?\d+$/.test(text) ? BigInt(text.replace('+', '')) : undefined);
const toFloat: Cast = (text) =>
  /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(text) ? Number(text) : undefined;
const toBoolean: Cast = (text) => {
  const lower = text.toLowerCase();
  if (['true', 'y', 'yes', 'on'].includes(lower)) return true;
  return ['false', 'n', 'no', 'off'].includes(lower) ? false : undefined;
};

// Places at which a string becomes a typed value, which `${…}` always does (compose-go,
// loader/interpolate.go).
const CASTS = patternTable<Cast>([
  ['services.*.configs.[].mode', toInteger],
  ['services.*.cpu_count', toInteger],
  ['services.*.cpu_percent', toFloat],
  ['services.*.cpu_period', toInteger],
  ['services.*.cpu_quota', toInteger],
  ['services.*.cpu_rt_period', toInteger],
  ['services.*.cpu_rt_runtime', toInteger],
  ['services.*.cpus', toFloat],
  ['services.*.cpu_shares', toInteger],
  ['services.*.init', toBoolean],
  ['services.*.deploy.replicas', toInteger],
  ['services.*.deploy.update_config.parallelism', toInteger],
  ['services.*.deploy.update_config.max_failure_ratio', toFloat],
  ['services.*.deploy.rollback_config.parallelism', toInteger],
  ['services.*.deploy.rollback_config.max_failure_ratio', toFloat],
  ['services.*.deploy.restart_policy.max_attempts', toInteger],
  ['services.*.deploy.placement.max_replicas_per_node', toInteger],
  ['services.*.healthcheck.retries', toInteger],
  ['services.*.healthcheck.disable', toBoolean],
  ['services.*.oom_kill_disable', toBoolean],
  ['services.*.oom_score_adj', toInteger],
  ['services.*.pids_limit', toInteger],
  ['services.*.ports.[].target', toInteger],
  ['services.*.privileged', toBoolean],
  ['services.*.read_only', toBoolean],
  ['services.*.scale', toInteger],
  ['services.*.secrets.[].mode', toInteger],
  ['services.*.stdin_open', toBoolean],
  ['services.*.tty', toBoolean],
  ['services.*.ulimits.*', toInteger],
  ['services.*.ulimits.*.hard', toInteger],
  ['services.*.ulimits.*.soft', toInteger],
  ['services.*.volumes.[].read_only', toBoolean],
  ['services.*.volumes.[].volume.nocopy', toBoolean],
  ['networks.*.external', toBoolean],
  ['networks.*.internal', toBoolean],
  ['networks.*.attachable', toBoolean],
  ['networks.*.enable_ipv4', toBoolean],
  ['networks.*.enable_ipv6', toBoolean],
  ['volumes.*.external', toBoolean],
  ['secrets.*.external', toBoolean],
  ['configs.*.external', toBoolean],
]);

export interface InterpolationContext {
  lookup(name: string): string | undefined;
  /** Called for each variable that is not set and became empty. */
  unset(name: string, file: string): void;
  /** Called with what Compose accepts with a warning. */
  warn(message: string): void;
}

/**
 * Resolves `${…}` in every string of a compose file; keys stay.
 * @throws UserError INTERPOLATION_SYNTAX, VARIABLE_REQUIRED, or COMPOSE_INVALID if the result must be a
 * number or a boolean and is not.
 */
export function interpolateTree(root: TreeMap, context: InterpolationContext): TreeMap {
  return visit(root, []) as TreeMap;

  function visit(node: TreeNode, path: TreePath): TreeNode {
    if (node.kind === 'map') {
      const entries = [...node.entries].map(([key, value]) => [key, visit(value, [...path, key])] as const);
      return { ...node, entries: new Map(entries) };
    }
    if (node.kind === 'list') {
      return { ...node, items: node.items.map((item) => visit(item, [...path, '[]'])) };
    }
    return typeof node.value === 'string' ? interpolateScalar(node, node.value, path) : node;
  }

  function interpolateScalar(node: TreeScalar, template: string, path: TreePath): TreeScalar {
    const { text, references } = resolve(node, template, path);
    const cast = matching(path, CASTS);
    const value = cast ? cast(text) : text;
    if (value === undefined) {
      throw invalidProject(
        'COMPOSE_INVALID',
        `${path.join('.')} must be a ${cast === toBoolean ? 'boolean' : 'number'}`,
        node.at,
        references.length > 0
          ? `give ${references.map(({ name }) => name).join(', ')} a fitting value`
          : undefined,
      );
    }
    if (cast === toBoolean && !/^(true|false)$/i.test(text)) {
      context.warn(`${path.join('.')}: \`${text}\` is not a boolean in YAML 1.2; write \`${value}\``);
    }
    return { ...node, value, ...(references.length > 0 ? { references } : {}) };
  }

  function resolve(node: TreeScalar, template: string, path: TreePath) {
    try {
      const result = interpolate(template, context.lookup);
      for (const name of result.unset) context.unset(name, node.at.file);
      return result;
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      const required = error.code === 'VARIABLE_REQUIRED';
      throw invalidProject(
        error.code,
        `${path.join('.')}: ${error.message}`,
        node.at,
        required ? 'set it in .env or in the shell' : 'write $$ for a dollar sign that means itself',
      );
    }
  }
}
