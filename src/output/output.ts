import type { UserError } from '../errors.js';
import type { Progress } from './progress.js';
import { createStyle, type Style, wantsColor } from './style.js';

const SCHEMA_VERSION = 1;

export interface WorkedIn {
  /** The environment. */
  name?: string;
  /** Address of the machine that the engine is on, where that is another one. */
  host?: string;
  /** What a command that is typed next has to name: `--environment production`. */
  flags: string;
  /** Names of our commands that work there. */
  commands: readonly string[];
}

export interface OutputOptions {
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  env: NodeJS.ProcessEnv;
  json: boolean;
  quiet: boolean;
  noColor: boolean;
  /** The environment and the engine that are worked in: documents say so, and what is to be typed next names them. */
  worksIn?: WorkedIn;
}

/** What a command hands to the person or the script. stdout gets the result and nothing else. */
export interface Output {
  readonly json: boolean;
  /** Colours for text that goes to stdout. */
  readonly style: Style;
  /** A text in which each command of ours names the environment and the engine that are worked in, for what is no output. */
  typed(text: string): string;
  /** Width of the terminal behind stdout; 80 where it is none. */
  readonly columns: number;
  /** Text of the result, to stdout. Nothing with `--json`. */
  print(text: string): void;
  /** A line of a stream that is itself the result (logs), to stdout in either format. */
  printLine(line: string): void;
  /** For the person only, to stderr; silent with `-q`. */
  note(text: string): void;
  /** Goes to stderr and into the JSON document. */
  warn(text: string): void;
  /** A line that `-v` prints for each program that runs. */
  trace(text: string): void;
  /** Lines for a long job on stderr. */
  progress(): Promise<Progress>;
  /** Writes the closing JSON document of a success. Nothing in text format. */
  succeed(command: string, data: unknown): void;
  /** Writes an error: text to stderr, or the JSON document to stdout. */
  fail(command: string, error: UserError): void;
}

export function createOutput(options: OutputOptions): Output {
  const { stdout, stderr, json, quiet, env, worksIn } = options;
  const here = (text: string) => namingPlace(text, worksIn);
  const style = createStyle(wantsColor(stdout, env, options.noColor));
  const errStyle = createStyle(wantsColor(stderr, env, options.noColor));
  const animated = Boolean(stderr.isTTY) && !env.CI && env.TERM !== 'dumb';
  const warnings: string[] = [];
  let current: Progress | undefined;

  const toStderr = (text: string) => {
    if (current) current.above(text);
    else stderr.write(`${text}\n`);
  };
  const document = ({ command, ok, ...fields }: Record<string, unknown>) => {
    const where = {
      ...(worksIn?.name === undefined ? {} : { environment: worksIn.name }),
      ...(worksIn?.host === undefined ? {} : { host: worksIn.host }),
    };
    stdout.write(`${JSON.stringify({ schemaVersion: SCHEMA_VERSION, command, ok, ...where, ...fields })}\n`);
  };

  return {
    json,
    style,
    typed: here,
    get columns() {
      return stdout.columns ?? 80;
    },
    print(text) {
      if (!json) stdout.write(here(text.endsWith('\n') ? text : `${text}\n`));
    },
    printLine(line) {
      stdout.write(`${line}\n`);
    },
    note(text) {
      if (!quiet) toStderr(here(text));
    },
    warn(message) {
      const text = here(message);
      warnings.push(text);
      toStderr(`${errStyle.yellow('warning:')} ${text}`);
    },
    trace(text) {
      toStderr(errStyle.dim(`$ ${text}`));
    },
    async progress() {
      const { createLiveProgress, createPlainProgress, silentProgress } = await import('./progress.js');
      if (quiet) return silentProgress;
      current?.stop();
      current = animated ? await createLiveProgress(stderr, errStyle) : createPlainProgress(stderr, errStyle);
      return current;
    },
    succeed(command, data) {
      current?.stop();
      if (json) document({ command, ok: true, data, warnings });
    },
    fail(command, error) {
      current?.stop();
      if (json) {
        document({
          command,
          ok: false,
          error: {
            code: error.code,
            message: error.message,
            ...(error.hint === undefined ? {} : { hint: here(error.hint) }),
            ...(error.docs === undefined ? {} : { docs: error.docs }),
            ...(error.file === undefined ? {} : { file: error.file }),
            ...(error.line === undefined ? {} : { line: error.line }),
            ...error.details,
          },
          warnings,
        });
        return;
      }
      const place = error.file && error.line !== undefined ? `${error.file}:${error.line}: ` : '';
      toStderr(`${errStyle.red('error:')} ${place}${error.message}`);
      if (error.hint) {
        toStderr(`${errStyle.cyan('next:')}  ${here(error.hint).replaceAll('\n', '\n       ')}`);
      }
    },
  };
}

/**
 * A text in which each command of ours names the environment and the engine that it is about, and Compose's go through
 * ours: by themselves they would reach the project without them.
 */
export function namingPlace(text: string, worksIn: WorkedIn | undefined): string {
  if (!worksIn) return text;
  const { flags, host, commands } = worksIn;
  const ours = ['invctl', flags].filter(Boolean).join(' ');
  const typed = new RegExp(`(?<![\\w./-])invctl (?=(?:${commands.join('|')})(?![\\w-]))`, 'g');
  const named = text
    .replace(/(?<![\w./-])docker compose (?=[a-z]+\b)/g, `${ours} compose -- `)
    .replace(typed, `${ours} `);
  // What is typed there, by ssh, is about that machine already.
  return host === undefined || /\bssh /.test(text) ? named : named.replace(DOCKER, `docker --host ${host} `);
}

/** The docker client's own commands in a hint. */
const DOCKER =
  /(?<![\w./-])docker (?=(?:builder|container|image|info|inspect|logs|network|ps|pull|rm|system|version|volume)\b)/g;
