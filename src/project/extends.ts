import { dirname } from 'node:path';
import { expandShortForms, resolvePaths } from './canonical.js';
import {
  clear,
  interpolateDocument,
  type LoadContext,
  readComposeFile,
  refuseRemote,
} from './compose-file.js';
import { invalidProject } from './invalid.js';
import { extendService, mergeFiles, removeDuplicates } from './merge.js';
import { resolvePath } from './paths.js';
import type { ComposeDocument } from './read-yaml.js';
import { cloneTree, mapNode, type TreeMap, type TreeNode, textAt } from './tree.js';

interface Extending {
  services: TreeMap;
  /** File of these services. */
  file: string;
  directory: string;
  /** Documents whose `!reset` and `!override` also apply to the extended services. */
  documents: readonly ComposeDocument[];
  trail: readonly string[];
}

/**
 * Merges each service of a document over the one that it extends, in place.
 * @throws UserError COMPOSE_INVALID, and the errors of another file, with file and line.
 */
export function applyExtends(
  tree: TreeMap,
  document: ComposeDocument,
  file: string,
  directory: string,
  context: LoadContext,
): void {
  const services = tree.entries.get('services');
  if (services?.kind !== 'map') return;
  for (const name of services.entries.keys()) {
    extendFrom(name, { services, file, directory, documents: [document], trail: [] }, context);
  }
}

/** Returns the service merged with all that it extends, and stores it. Null for an empty service. */
function extendFrom(name: string, here: Extending, context: LoadContext): TreeNode {
  const service = here.services.entries.get(name) as TreeNode;
  const extension = service.kind === 'map' ? service.entries.get('extends') : undefined;
  if (service.kind !== 'map' || !extension) return service;
  const base = extension.kind === 'map' ? textAt(extension, 'service') : textAt(service, 'extends');
  if (base === undefined) {
    throw invalidProject('COMPOSE_INVALID', `services.${name}.extends names no service`, extension.at);
  }
  const fileName = extension.kind === 'map' ? textAt(extension, 'file') : undefined;
  const there = fileName === undefined ? here : extendedFile(fileName, here, extension, context);
  if (!there.services.entries.has(base)) {
    throw invalidProject(
      'COMPOSE_INVALID',
      `services.${name} extends the service ${base}, which is not in ${there.file}`,
      extension.at,
    );
  }
  const step = `${name} in ${here.file}`;
  if (here.trail.includes(step)) {
    throw invalidProject(
      'COMPOSE_INVALID',
      `services extend each other in a circle: ${[...here.trail, step].join(' → ')}`,
      extension.at,
    );
  }
  const extended = extendFrom(base, { ...there, trail: [...here.trail, step] }, context);
  if (extended.kind !== 'map') return service;
  const source = cloneTree(extended);
  for (const document of there.documents) {
    clear(mapNode(source.at, [['services', mapNode(source.at, [[name, source]])]]), document.cleared);
  }
  const merged = extendService(source, service);
  merged.entries.delete('extends');
  here.services.entries.set(name, merged);
  return merged;
}

function extendedFile(
  fileName: string,
  here: Extending,
  extension: TreeNode,
  context: LoadContext,
): Extending {
  refuseRemote(fileName, extension.at);
  const file = resolvePath(here.directory, fileName);
  const directory = dirname(file);
  const documents = readComposeFile(file, context, extension.at);
  let tree = mapNode(extension.at);
  for (const document of documents) {
    tree = removeDuplicates(mergeFiles(tree, interpolateDocument(document, context)));
    expandShortForms(tree, context.warn);
    tree = removeDuplicates(tree);
  }
  resolvePaths(tree, directory);
  const services = tree.entries.get('services');
  if (services?.kind !== 'map') {
    throw invalidProject('COMPOSE_INVALID', `${file} has no services to extend`, extension.at);
  }
  return { ...here, services, file, directory, documents: [...here.documents, ...documents] };
}
