import { UserError } from '../../errors.js';
import type { Engine } from '../engine.js';
import type { TrialDependencies, Trials, TrialVolume } from '../trials.js';
import * as argv from './argv.js';
import { prepareBeside } from './beside.js';
import { createDocker, type Docker, failedCommand, hasVolume } from './docker.js';
import { explainDockerError } from './errors.js';
import { prepareTrial, removeTrial } from './open-trial.js';
import { configWith } from './resolve.js';
import { askLeft, askStopped } from './single-user.js';

/** Trials as Compose projects on the Docker engine. */
export function createComposeTrials(engine: Engine, { processes, env, signal }: TrialDependencies): Trials {
  const docker = createDocker(processes, env);
  return {
    engine,
    declared: (_, { major, dataDirectory }) => ({ imageMajor: major, dataDirectory }),
    configWith: (...call) => configWith(docker, ...call),
    assertNoVolume: (_, volume) => assertNoVolume(docker, volume),
    provide: async ({ image }, confirmPull) => {
      if ((await docker.inspect(argv.inspectImages([image]))).length === 0) {
        await confirmPull(image);
        await pullImage(docker, image, signal);
      }
      return engine;
    },
    prepare: (...call) => prepareTrial(docker, ...call),
    prepareBeside: (...call) => prepareBeside(docker, ...call),
    release: (location, name) => removeTrial(docker, location, name),
    remove: (...call) => removeTrial(docker, ...call),
    removeVolume: async (location, name) => {
      if (await hasVolume(docker, name)) await engine.removeVolume(location, name);
    },
    askStopped: (...call) => askStopped(engine, ...call),
    askLeft: (_, ...call) => askLeft(docker, signal, ...call),
  };
}

async function pullImage(docker: Docker, image: string, signal: AbortSignal): Promise<void> {
  const result = await docker.run(argv.pullImage(image), { allowFailure: true, signal });
  if (result.status === 0) return;
  throw new UserError({
    code: 'IMAGE_NOT_PULLED',
    message: `the image ${image} is not on this machine and cannot be pulled: ${result.stderr.trim().split('\n').at(-1) ?? ''}`,
    hint: `docker pull ${image}      (when that works: the same command again)`,
    cause: explainDockerError(failedCommand(result)),
  });
}

async function assertNoVolume(docker: Docker, { name }: TrialVolume): Promise<void> {
  if (!(await hasVolume(docker, name))) return;
  throw new UserError({
    code: 'VOLUME_EXISTS',
    message: `the volume ${name} exists already, and the new server's has to be empty`,
    hint: `see what it holds:  invctl volume inspect ${name}      (then remove or rename it)`,
  });
}
