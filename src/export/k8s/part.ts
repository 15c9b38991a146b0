import type { ComposeService } from '../../project/model.js';
import type { TreeMap } from '../../project/tree.js';
import type { ExportSource, Losses, SecretVariable } from '../source.js';
import type { Json, K8sObject } from './objects.js';

/** What a database becomes. */
export const DATABASE_FORMS = ['statefulset', 'cnpg', 'external'] as const;
export type DatabaseForm = (typeof DATABASE_FORMS)[number];

/** What all services of one export add to. */
export interface ExportParts {
  source: ExportSource;
  losses: Losses;
  variables: SecretVariable[];
  objects: K8sObject[];
}

/** A service as it is being written. */
export interface WrittenPod extends ExportParts {
  service: ComposeService;
  /** Name of its objects. */
  name: string;
  tree: TreeMap;
  isDatabase: boolean;
  /** Of its container. */
  volumeMounts: Json[];
  /** Of its pod. */
  volumes: Json[];
}
