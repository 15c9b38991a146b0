import { Chalk } from 'chalk';

/** Colours for one stream; every function is the identity if colour is off. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

export function createStyle(enabled: boolean): Style {
  return new Chalk({ level: enabled ? 1 : 0 });
}

/**
 * Whether a stream gets colour. `--no-color` and `NO_COLOR` turn it off, `FORCE_COLOR` on (0 is off), a dumb
 * terminal or a pipe off. See https://no-color.org and Node's `tty.WriteStream.hasColors`.
 */
export function wantsColor(
  stream: { isTTY?: boolean | undefined },
  env: NodeJS.ProcessEnv,
  noColorFlag: boolean,
): boolean {
  if (noColorFlag || (env.NO_COLOR !== undefined && env.NO_COLOR !== '')) return false;
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '') {
    return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  }
  return Boolean(stream.isTTY) && env.TERM !== 'dumb';
}
