import type { Engine } from '../engine/engine.js';
import type { ChosenEnvironment } from '../project/environments.js';
import type { LocatedHost, ProjectLocation } from '../project/locate.js';
import type { World } from '../system/world.js';

/** What a use case may use of the outside world, and its project. Built once, by `cli/context.ts`. */
export interface ServiceContext extends World {
  /** The chosen environment, if any: `env` and the project are those of this environment. */
  readonly environment?: ChosenEnvironment;
  /** The chosen engine, if it is not simply the client's default: `env` points to it. */
  readonly host?: LocatedHost;
  /** The project in `directory`. @throws UserError NO_PROJECT */
  project(): ProjectLocation;
  /** The engine that `--engine` names, or else one that answers. @throws UserError with exit code 3 */
  engine(): Promise<Engine>;
}
