import type { StackHealth } from '../../architecture/stack.js';
import { dockerfileHealthcheck } from '../../doctor/dockerfile-health.js';
import type { ComposeService } from '../../project/model.js';
import type { Wording } from './build.js';
import { shownCommand, shownScript } from './commands-shown.js';

/**
 * The health check of a service: its own, or else that of its Dockerfile. An image that is not built here is
 * not inspected.
 */
export function healthOf(service: ComposeService, words: Wording): StackHealth | undefined {
  const { healthcheck } = service;
  if (healthcheck?.disabled) return undefined;
  const inherited = dockerfileHealth(service, words);
  if (!healthcheck?.test) return inherited && { ...inherited, ...timesOf(healthcheck ?? {}) };
  const [form, ...rest] = healthcheck.test;
  const test = form === 'CMD-SHELL' ? shownScript(rest.join(' ')) : shownCommand(rest);
  return { from: 'service', test: words.text(test), ...timesOf(healthcheck) };
}

type Times = Partial<
  Pick<StackHealth, 'intervalMs' | 'timeoutMs' | 'startPeriodMs' | 'startIntervalMs' | 'retries'>
>;

function timesOf({ intervalMs, timeoutMs, startPeriodMs, startIntervalMs, retries }: Times): Times {
  const entries = Object.entries({ intervalMs, timeoutMs, startPeriodMs, startIntervalMs, retries });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function dockerfileHealth(service: ComposeService, words: Wording): StackHealth | undefined {
  const found = dockerfileHealthcheck(service);
  if (!found) return undefined;
  const { file, healthcheck } = found;
  return {
    from: file === undefined ? 'inline' : words.path(file),
    test: words.text(shownScript(healthcheck.test.slice(1).join(' '))),
    ...timesOf(healthcheck),
  };
}
