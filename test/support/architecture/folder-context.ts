import { locateProject } from '../../../src/project/locate.js';
import type { ServiceContext } from '../../../src/services/context.js';
import { createProcessRunner } from '../../../src/system/process.js';

/** The world as a use case sees it in a folder, without any engine. */
export function folderContext(directory: string, env: NodeJS.ProcessEnv): ServiceContext {
  return {
    directory,
    env,
    processes: createProcessRunner({ env }),
    signal: new AbortController().signal,
    warn: () => {},
    project: () => locateProject(directory, env),
    engine: () => Promise.reject(new Error('a document is made without an engine')),
  };
}
