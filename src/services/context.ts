import type { Engine } from '../engine/engine.js';
import type { ChosenEnvironment } from '../project/environments.js';
import type { LocatedHost, ProjectLocation } from '../project/locate.js';
import type { World } from '../system/world.js';

/** What a use case may know of the world, and the project that it is about. Built once, by `cli/context.ts`. */
export interface ServiceContext extends World {
  /** The environment that was chosen, where one was: `env` and the project are its own. */
  readonly environment?: ChosenEnvironment;
  /** The engine that was chosen, where it is not simply the client's own: `env` leads to it. */
  readonly host?: LocatedHost;
  /** The project in `directory`. @throws UserError NO_PROJECT */
  project(): ProjectLocation;
  /** The engine that `--engine` names, or that answers. @throws UserError with exit code 3 */
  engine(): Promise<Engine>;
}
