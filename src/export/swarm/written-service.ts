import type { ExportSource, Losses, SecretVariable } from '../source.js';
import type { Json } from './json.js';

/** What the services of one stack file add to it beside themselves. */
export interface StackParts {
  losses: Losses;
  variables: SecretVariable[];
  nodeLabels: Set<string>;
  /** The engine's own networks that a service is in. */
  predefined: Set<string>;
}

/** A service as it is being written. */
export interface WrittenService extends StackParts {
  source: ExportSource;
  name: string;
  out: Json;
  deploy: Json;
}
