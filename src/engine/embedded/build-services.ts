import type { ProjectLocation } from '../../project/locate.js';
import type { BuildOptions, BuildResult, BuildStep } from '../engine.js';
import { buildPackage } from './build.js';
import { classify } from './classify.js';
import type { EmbeddedContext } from './context.js';

/** See `Engine.build`. */
export async function buildServices(
  { changing, engineRun }: EmbeddedContext,
  location: ProjectLocation,
  options: BuildOptions,
  onStep: (step: BuildStep) => void,
): Promise<BuildResult[]> {
  return changing(location, 'build', async (store) => {
    const run = await engineRun(location, store, options.signal);
    const results: BuildResult[] = [];
    for (const service of Object.values(run.project.services)) {
      const wanted = options.services.length === 0 ? service.build : options.services.includes(service.name);
      if (!wanted) continue;
      const node = classify(service);
      if (node.kind !== 'node') continue;
      const started = Date.now();
      const steps: BuildStep[] = [];
      await buildPackage(run, node, {
        ...(options.noCache === undefined ? {} : { noCache: options.noCache }),
        onStart: (name) => options.onRunning?.({ service: service.name, name, instruction: true }),
        onStep: (step) => {
          steps.push(step);
          onStep(step);
        },
      });
      results.push({
        service: service.name,
        image: node.folder,
        steps,
        seconds: (Date.now() - started) / 1000,
      });
    }
    return results;
  });
}
