import type { UserError } from '../errors.js';
import type { Progress } from './progress.js';
import { createStyle, type Style, wantsColor } from './style.js';

const SCHEMA_VERSION = 1;

export interface WorkedIn {
  /** Name of the environment. */
  name?: string;
  /** Address of the engine's machine, if it is another one. */
  host?: string;
  /** Flags that the next command needs: `--environment production`. */
  flags: string;
  /** True: of the database that is deployed, so that the next command about it needs `--deployed`. */
  deployed?: boolean;
  /** Names of our commands that accept these flags. */
  commands: readonly string[];
}

export interface OutputOptions {
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  env: NodeJS.ProcessEnv;
  json: boolean;
  quiet: boolean;
  noColor: boolean;
  /**
   * The environment and the engine of the command: documents name them, and so do the commands that messages
   * suggest.
   */
  worksIn?: WorkedIn;
}

/** Receives everything that a command prints for the user or a script. stdout gets only the result. */
export interface Output {
  readonly json: boolean;
  /** Colours for text on stdout. */
  readonly style: Style;
  /**
   * Adds the flags of the command's environment and engine to each of our commands in a text, for texts that
   * are not printed here.
   */
  typed(text: string): string;
  /** Width of the terminal on stdout; 80 if it is not a terminal. */
  readonly columns: number;
  /** Prints text of the result to stdout. Prints nothing with `--json`. */
  print(text: string): void;
  /** Prints a line of a stream that is itself the result (logs), to stdout in either format. */
  printLine(line: string): void;
  /** Prints a note for the user to stderr; silent with `-q`. */
  note(text: string): void;
  /** Prints a warning to stderr and adds it to the JSON document. */
  warn(text: string): void;
  /** Prints a line with `-v` for each program that runs. */
  trace(text: string): void;
  /** Shows the progress of a long job on stderr. */
  progress(): Promise<Progress>;
  /** Prints the closing JSON document of a success. Prints nothing in text format. */
  succeed(command: string, data: unknown): void;
  /** Prints an error: as text to stderr, or as the JSON document to stdout. */
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
 * Returns a text in which each of our commands names its environment and engine. Compose's commands are
 * replaced by ours, because by themselves they would reach the project without these.
 */
export function namingPlace(text: string, worksIn: WorkedIn | undefined): string {
  if (!worksIn) return text;
  const { flags, host, deployed, commands } = worksIn;
  const ours = ['invctl', flags].filter(Boolean).join(' ');
  const typed = new RegExp(`(?<![\\w./-])invctl (?=(?:${commands.join('|')})(?![\\w-]))`, 'g');
  const named = (deployed ? text.replace(ABOUT_A_DATABASE, '$& --deployed') : text)
    .replace(/(?<![\w./-])docker compose (?=[a-z]+\b)/g, `${ours} compose -- `)
    .replace(typed, `${ours} `);
  // A command after `ssh` already runs on that machine.
  return host === undefined || /\bssh /.test(text) ? named : named.replace(DOCKER, `docker --host ${host} `);
}

/** Those of our commands that take `--deployed`, without it. */
const ABOUT_A_DATABASE =
  /(?<![\w./-])invctl db (?:backup|copy|inspect|list|prune|psql|restore|schedule|verify)(?![\w-]| (?:\S+ )*?--(?:deployed|base|to)\b)/g;

/** The docker client's own commands in a hint. */
const DOCKER =
  /(?<![\w./-])docker (?=(?:builder|container|exec|image|info|inspect|logs|network|node|ps|pull|push|rm|secret|service|stack|swarm|system|tag|version|volume)\b)/g;
