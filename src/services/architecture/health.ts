import type { StackHealth } from '../../architecture/stack.js';
import { dockerfileOf } from '../../doctor/dockerfile.js';
import { parseDuration } from '../../project/duration.js';
import type { ComposeService } from '../../project/model.js';
import type { Wording } from './build.js';
import { shownCommand, shownScript } from './commands-shown.js';

/** The health check of a service: its own, else that of its Dockerfile. An image that is not built here is not asked. */
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
  const dockerfile = dockerfileOf(service);
  const instruction = dockerfile?.lastStage.filter(({ keyword }) => keyword === 'HEALTHCHECK').at(-1);
  if (!dockerfile || !instruction || /^NONE\b/i.test(instruction.text)) return undefined;
  const duration = (name: string) => {
    const value = new RegExp(`--${name}=(\\S+)`).exec(instruction.text)?.[1];
    return value === undefined ? undefined : parseDuration(value);
  };
  const retries = /--retries=(\d+)/.exec(instruction.text)?.[1];
  const command = /(?:^|\s)CMD\s+([\s\S]*)$/i.exec(instruction.text)?.[1] ?? '';
  return {
    from: dockerfile.file === undefined ? 'inline' : words.path(dockerfile.file),
    test: words.text(shownScript(jsonForm(command) ?? command)),
    ...timesOf({
      ...defined('intervalMs', duration('interval')),
      ...defined('timeoutMs', duration('timeout')),
      ...defined('startPeriodMs', duration('start-period')),
      ...defined('startIntervalMs', duration('start-interval')),
      ...defined('retries', retries === undefined ? undefined : Number(retries)),
    }),
  };
}

function defined<K extends string>(key: K, value: number | undefined): { [key in K]?: number } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]: number });
}

function jsonForm(text: string): string | undefined {
  try {
    const words: unknown = JSON.parse(text);
    return Array.isArray(words) ? words.map(String).join(' ') : undefined;
  } catch {
    return undefined;
  }
}
