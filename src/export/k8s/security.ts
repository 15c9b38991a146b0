import { isOfficialPostgres } from '../../doctor/roles.js';
import { type ContainerUser, postgresUser, writtenUser } from '../../doctor/users.js';
import type { ComposeService } from '../../project/model.js';
import { plain, type TreeMap } from '../../project/tree.js';
import { filled, type Json } from './objects.js';
import type { WrittenPod } from './part.js';

/**
 * Returns the numeric user of a service. The official PostgreSQL image changes from root to its own user by
 * itself, so it need not start as root.
 */
function userOf(service: ComposeService): ContainerUser | undefined {
  const user = writtenUser(service);
  if ((user === undefined || user.uid === 0) && service.user === undefined && isOfficialPostgres(service)) {
    return postgresUser(service);
  }
  return user;
}

/** `securityContext` of the pod. */
export function podSecurity({ service, tree, losses }: WrittenPod): Json {
  const user = userOf(service);
  const groups = texts(tree, 'group_add').filter((group) => /^\d+$/.test(group));
  if (groups.length < texts(tree, 'group_add').length) {
    const node = tree.entries.get('group_add');
    if (node)
      losses.lost(`services.${service.name}.group_add`, node, 'Kubernetes knows groups by number alone');
  }
  if (service.user !== undefined && user === undefined) {
    const node = tree.entries.get('user') ?? tree;
    const message = `Kubernetes knows users by number, and that of "${service.user}" depends on the image`;
    losses.lost(`services.${service.name}.user`, node, message);
  }
  return filled({
    ...(user === undefined
      ? {}
      : {
          runAsNonRoot: user.uid === 0 ? undefined : true,
          runAsUser: user.uid,
          runAsGroup: user.gid,
          fsGroup: user.gid ?? user.uid,
          fsGroupChangePolicy: 'OnRootMismatch',
        }),
    supplementalGroups: groups.map(Number),
    seccompProfile: seccomp(tree),
    sysctls: pairs(tree, 'sysctls').map(([name, value]) => ({ name, value })),
  });
}

function seccomp(tree: TreeMap): Json {
  const unconfined = texts(tree, 'security_opt').some((option) => /^seccomp[=:]unconfined$/.test(option));
  return { type: unconfined || plainAt(tree, 'privileged') === true ? 'Unconfined' : 'RuntimeDefault' };
}

/** `securityContext` of the container. */
export function containerSecurity({ service, tree, losses }: WrittenPod): Json {
  const options = texts(tree, 'security_opt');
  const privileged = plainAt(tree, 'privileged') === true;
  const noNew = options.some((option) => /^no-new-privileges([=:]true)?$/.test(option));
  const others = options.filter((option) => !/^(no-new-privileges|seccomp[=:]unconfined)/.test(option));
  const node = tree.entries.get('security_opt');
  if (node && others.length > 0) {
    losses.lost(`services.${service.name}.security_opt`, node, `${others.join(', ')} has no counterpart`);
  }
  const capability = (key: string) => texts(tree, key).map((one) => one.toUpperCase().replace(/^CAP_/, ''));
  return filled({
    privileged: privileged ? true : undefined,
    allowPrivilegeEscalation: noNew && !privileged ? false : undefined,
    readOnlyRootFilesystem: plainAt(tree, 'read_only') === true ? true : undefined,
    capabilities: filled({ add: capability('cap_add'), drop: capability('cap_drop') }),
  });
}

export function plainAt(tree: TreeMap, key: string): unknown {
  const node = tree.entries.get(key);
  return node === undefined ? undefined : plain(node);
}

/** Returns the entries of a list, or a single value as a list. */
export function texts(tree: TreeMap, key: string): string[] {
  const value = plainAt(tree, key);
  if (value === undefined || value === null) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
}

/** Returns the pairs of a mapping, or of a list of `name=value`. */
export function pairs(tree: TreeMap, key: string): [string, string][] {
  const value = plainAt(tree, key);
  if (Array.isArray(value)) {
    return value.map((one) => {
      const [name = '', text = ''] = String(one).split(/=(.*)/s);
      return [name, text];
    });
  }
  return Object.entries((value ?? {}) as Json).map(([name, one]) => [name, String(one ?? '')]);
}
