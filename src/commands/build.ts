import { command } from '../cli/command.js';
import { flag, rest } from '../cli/parameters.js';
import type { BuildResult, RunningStep } from '../engine/engine.js';
import type { Progress } from '../output/progress.js';
import type { Style } from '../output/style.js';
import { table } from '../output/table.js';
import { formatBytes, formatDuration } from '../output/units.js';
import { changeServices } from '../services/change-project.js';
import { redact } from '../system/secret.js';

export default command({
  summary: 'build the images; shows which steps were cached and which were rebuilt',
  examples: ['invctl build', 'invctl build api --no-cache --pull'],
  args: { services: rest('service', 'only these', { offers: 'services' }) },
  flags: {
    noCache: flag('run every step again'),
    pull: flag('look for newer base images first'),
  },
  data: (z) =>
    z.object({
      images: z.array(
        z.object({
          service: z.string(),
          image: z.string(),
          bytes: z.int().optional(),
          baseBytes: z.int().optional(),
          steps: z.array(
            z.object({
              service: z.string(),
              name: z.string(),
              cached: z.boolean(),
              seconds: z.number().optional(),
            }),
          ),
          seconds: z.number(),
        }),
      ),
      seconds: z.number(),
    }),
  async run(context, { args: { services }, flags: { noCache, pull } }) {
    const started = Date.now();
    const progress = await context.output.progress();
    const results = await changeServices(context, 'build', services, (engine, location) =>
      engine.build(
        location,
        {
          services,
          noCache,
          pull,
          signal: context.signal,
          onRunning: showRunning(progress),
        },
        (step) =>
          progress.set(
            `${step.service} ${step.name}`,
            'done',
            `${step.service}  ${step.cached ? 'cached ' : 'rebuilt'}  ${(step.seconds === undefined ? '' : formatDuration(step.seconds * 1000)).padStart(7)}  ${step.name.slice(0, 70)}`,
          ),
      ),
    ).finally(() => progress.stop());
    return {
      data: { images: results, seconds: (Date.now() - started) / 1000 },
      text:
        results.length > 0
          ? report(results, context.output.style)
          : 'no service of this project is built here',
    };
  },
});

/** Shows a clock and the step's last output on a line that the step's end replaces. */
function showRunning(progress: Progress): (step: RunningStep) => void {
  const begun = new Map<string, number>();
  return ({ service, name, instruction, output }) => {
    // Other steps do not report their end.
    if (!instruction) return;
    const key = `${service} ${name}`;
    const startedMs = begun.get(key) ?? Date.now();
    begun.set(key, startedMs);
    const said = output === undefined ? '' : `  ${redact(output)}`;
    progress.set(
      key,
      'working',
      () =>
        `${service}  running  ${formatDuration(Date.now() - startedMs).padStart(7)}  ${output === undefined ? name.slice(0, 70) : name.slice(0, 24)}${said}`,
    );
  };
}

function report(results: readonly BuildResult[], style: Style): string {
  const rows = results.map(({ service, image, bytes, baseBytes, steps, seconds }) => {
    const cached = steps.filter((step) => step.cached).length;
    return [
      service,
      image,
      bytes === undefined ? '-' : formatBytes(bytes),
      bytes && baseBytes ? `+${(((bytes - baseBytes) / baseBytes) * 100).toFixed(1)} %` : '-',
      `${style.green(String(cached))} cached, ${steps.length - cached} rebuilt`,
      formatDuration(seconds * 1000),
    ];
  });
  return table(['SERVICE', 'IMAGE', 'SIZE', 'OVER BASE', 'STEPS', 'TIME'], rows);
}
