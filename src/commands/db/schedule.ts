import { homedir } from 'node:os';
import { delimiter, resolve } from 'node:path';
import { command } from '../../cli/command.js';
import type { Context } from '../../cli/context.js';
import { flag, parsed } from '../../cli/parameters.js';
import { UserError, usageError } from '../../errors.js';
import { installSchedule, renderSchedule } from '../../services/database/schedule.js';
import { databaseContext, databasePlace, deployedFlag } from './deployed.js';

const DEFAULT_TIME = { hour: 2, minute: 30 };

export default command({
  summary: 'a daily backup, verified and copied, and the removal of old ones',
  examples: [
    'invctl db schedule',
    'invctl db schedule --at 03:15 --install',
    'invctl db schedule --cron --install',
    'invctl db schedule --deployed --install      (of the database in the Swarm or the cluster)',
  ],
  flags: {
    at: parsed('time', 'hour and minute', timeOfDay, { otherwise: '02:30' }),
    cron: flag('a line for crontab in place of a systemd timer'),
    deployed: deployedFlag,
    install: flag('write the systemd units, or the line, where they belong'),
  },
  data: (z) =>
    z.object({
      files: z.array(z.object({ name: z.string(), content: z.string() })),
      installed: z.array(z.string()).optional().describe('paths of units, or crontab'),
      enable: z
        .string()
        .nullable()
        .optional()
        .describe('the command that switches the timer on; null: nothing is left to do'),
    }),
  async run(context, { flags: { at = DEFAULT_TIME, cron, install, deployed } }) {
    if (!deployed) await warnOfStack(context);
    const there = await databaseContext(context, deployed);
    const { host, context: named } = context.settings;
    const engine = host !== undefined ? ['--host', host] : named !== undefined ? ['--context', named] : [];
    const files = await renderSchedule(there, {
      at,
      format: cron ? 'cron' : 'systemd',
      program: [process.execPath, process.argv[1] as string, ...engine],
      deployed,
      variables: variablesOf(process.env, engine.length === 0),
    });
    if (!install) {
      const text = files.map(({ name, content }) => (cron ? content : `# ${name}\n${content}`)).join('\n');
      return { data: { files }, text };
    }
    const installed = await installSchedule(there, files);
    return {
      data: { files, installed: installed.files, enable: installed.enable },
      text: [
        ...installed.files.map((path) => `wrote ${path}`),
        ...(installed.enable === null
          ? []
          : [
              `${installed.runsHere ? 'switch it on' : 'where systemd runs, switch it on'}:  ${installed.enable}`,
            ]),
      ].join('\n'),
    };
  },
});

/**
 * What leads to the engine and the cluster from this shell, and the job has not.
 * @param isByVariables no flag names the engine
 */
function variablesOf(env: NodeJS.ProcessEnv, isByVariables: boolean): Record<string, string> {
  const engine = isByVariables ? ['DOCKER_HOST', 'DOCKER_CONTEXT'] : [];
  const paths = ['DOCKER_CONFIG', 'KUBECONFIG', 'INVCTL_STATE_DIR'];
  const given = (name: string, read: (value: string) => string) => {
    const value = env[name];
    return value ? [[name, read(value)]] : [];
  };
  const absolute = (value: string) =>
    value
      .split(delimiter)
      .map((path) => resolve(path))
      .join(delimiter);
  return {
    HOME: env.HOME || homedir(),
    ...Object.fromEntries([
      ...engine.flatMap((name) => given(name, (value) => value)),
      ...paths.flatMap((name) => given(name, absolute)),
    ]),
  };
}

/** Nothing of the project runs on the engine itself then, and each night would fail. */
async function warnOfStack(context: Context): Promise<void> {
  try {
    const place = await databasePlace(context, true);
    if (!place.swarm) return;
    context.warn(
      `${context.project().name} runs in the Swarm, and not on this engine by itself; for its database there: invctl db schedule --deployed`,
    );
  } catch (error) {
    // Nothing is deployed, or no engine answers now: the job is for later.
    if (!(error instanceof UserError)) throw error;
  }
}

function timeOfDay(word: string, name: string): { hour: number; minute: number } {
  const [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(word) ?? [];
  if (hour === undefined) throw usageError(`${name} "${word}" is not a time of day`, `${name} 02:30`);
  return { hour: Number(hour), minute: Number(minute) };
}
