import type { ExportSource, Losses, SecretVariable } from '../source.js';
import type { CarriedConfigs } from './configs.js';
import type { Json } from './json.js';

/** Parts of a stack file that its services add besides themselves. */
export interface StackParts {
  losses: Losses;
  variables: SecretVariable[];
  nodeLabels: Set<string>;
  /** The engine's own networks that services use. */
  predefined: Set<string>;
  /** Files that services mount, which come along as configs. */
  configs: CarriedConfigs;
}

/** A service that is being written. */
export interface WrittenService extends StackParts {
  source: ExportSource;
  name: string;
  out: Json;
  deploy: Json;
}
