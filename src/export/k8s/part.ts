import type { ComposeService } from '../../project/model.js';
import type { TreeMap } from '../../project/tree.js';
import type { ExportSource, Losses, SecretVariable } from '../source.js';
import type { Json, K8sObject } from './objects.js';

/** The possible forms of the database in the cluster. */
export const DATABASE_FORMS = ['statefulset', 'cnpg', 'external'] as const;
export type DatabaseForm = (typeof DATABASE_FORMS)[number];

/** Output to which all services of one export add. */
export interface ExportParts {
  source: ExportSource;
  losses: Losses;
  variables: SecretVariable[];
  objects: K8sObject[];
}

/** A service whose pod is being written. */
export interface WrittenPod extends ExportParts {
  service: ComposeService;
  /** Name of its objects. */
  name: string;
  tree: TreeMap;
  isDatabase: boolean;
  /** Mounts of its container. */
  volumeMounts: Json[];
  /** Volumes of its pod. */
  volumes: Json[];
}
