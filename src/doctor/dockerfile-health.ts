import { parseDuration } from '../project/duration.js';
import type { ComposeHealthcheck, ComposeService } from '../project/model.js';
import { dockerfileOf } from './dockerfile.js';

/**
 * The health check that a service's image gets from its Dockerfile, in the form of a compose file. Undefined
 * for an image that is not built here, and for `HEALTHCHECK NONE`.
 */
export function dockerfileHealthcheck(
  service: ComposeService,
): { file?: string; healthcheck: ComposeHealthcheck & { test: string[] } } | undefined {
  const dockerfile = dockerfileOf(service);
  const instruction = dockerfile?.lastStage.filter(({ keyword }) => keyword === 'HEALTHCHECK').at(-1);
  if (!dockerfile || !instruction || /^NONE\b/i.test(instruction.text)) return undefined;
  const duration = (name: string) => {
    const value = new RegExp(`--${name}=(\\S+)`).exec(instruction.text)?.[1];
    return value === undefined ? undefined : parseDuration(value);
  };
  const retries = /--retries=(\d+)/.exec(instruction.text)?.[1];
  const command = /(?:^|\s)CMD\s+([\s\S]*)$/i.exec(instruction.text)?.[1] ?? '';
  const words = jsonForm(command);
  return {
    ...(dockerfile.file === undefined ? {} : { file: dockerfile.file }),
    healthcheck: {
      disabled: false,
      test: words ? ['CMD', ...words] : ['CMD-SHELL', command],
      ...defined('intervalMs', duration('interval')),
      ...defined('timeoutMs', duration('timeout')),
      ...defined('startPeriodMs', duration('start-period')),
      ...defined('startIntervalMs', duration('start-interval')),
      ...defined('retries', retries === undefined ? undefined : Number(retries)),
    },
  };
}

function defined<K extends string>(key: K, value: number | undefined): { [key in K]?: number } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]: number });
}

function jsonForm(text: string): string[] | undefined {
  try {
    const words: unknown = JSON.parse(text);
    return Array.isArray(words) ? words.map(String) : undefined;
  } catch {
    return undefined;
  }
}
