import { usageError } from '../errors.js';

/**
 * Flags and arguments of a command as data. A command names them by keys; the types of `run`'s input are
 * inferred from them, and help, parsing and completion read them. Each value is checked here, before `run`:
 * exit code 2.
 */

/** The names of a project, or of this machine, that completion offers for a value. */
export type Offered =
  | 'services'
  | 'networks'
  | 'volumes'
  | 'secrets'
  | 'variables'
  | 'backups'
  | 'environments'
  | 'files'
  | 'folders'
  | readonly string[]
  | (() => Promise<readonly string[]>);

interface Common {
  description: string;
  /** One letter, without its dash. */
  short?: string;
}

/** A flag without a value: true when it was typed. */
export interface Switch extends Common {
  kind: 'switch';
}

/** A flag with a value, or an argument. */
export interface Value<T> extends Common {
  kind: 'value';
  /** Name that help shows between angle brackets. */
  placeholder: string;
  /**
   * Parses one word.
   * @param name the flag or the argument, for a message
   * @throws UserError USAGE
   */
  parse(word: string, name: string): unknown;
  /** May be given several times, or consist of several words; `run` gets an array. */
  several: boolean;
  /** A word may hold several values, separated by commas. */
  commas: boolean;
  required: boolean;
  offers: Offered;
  /** The value for `run` when nothing was typed. */
  initial: T;
  /** Text that help shows as the default, when the value is decided later. */
  otherwise?: string;
}

export type Flags = Record<string, Switch | Value<unknown>>;
export type Arguments = Record<string, Value<unknown>>;

/** The input of `run`, by the same keys. */
export type ValuesOf<Parameters extends Flags> = {
  [Key in keyof Parameters]: Parameters[Key] extends Value<infer T> ? T : boolean;
};

interface ValueOptions {
  short?: string;
  offers?: Offered;
  /** The default that help shows. */
  otherwise?: string;
}

const blank = { several: false, commas: false, required: false, offers: [] } as const;
const asTyped = (word: string) => word;

/** A flag without a value. The key `noWait` becomes `--no-wait`. */
export function flag(description: string, options: { short?: string } = {}): Switch {
  return { kind: 'switch', description, ...options };
}

/** A flag with any text as its value. */
export function text(
  placeholder: string,
  description: string,
  options: ValueOptions = {},
): Value<string | undefined> {
  return {
    ...blank,
    kind: 'value',
    placeholder,
    description,
    parse: asTyped,
    initial: undefined,
    ...options,
  };
}

/** A flag whose text `parse` converts or refuses. */
export function parsed<T>(
  placeholder: string,
  description: string,
  parse: (word: string, name: string) => T,
  options: ValueOptions = {},
): Value<T | undefined> {
  return { ...blank, kind: 'value', placeholder, description, parse, initial: undefined, ...options };
}

/** A flag that may be given several times. */
export function texts(
  placeholder: string,
  description: string,
  options: ValueOptions & { commas?: boolean; parse?: (word: string, name: string) => string } = {},
): Value<string[]> {
  return {
    ...blank,
    kind: 'value',
    placeholder,
    description,
    parse: asTyped,
    several: true,
    initial: [],
    ...options,
  };
}

interface NumberOptions extends ValueOptions {
  /** Exclusive lower limit; default: 0 is allowed. */
  above?: number;
  /** Fractions are refused. */
  whole?: boolean;
}

/** A flag with a number. */
export function number(
  placeholder: string,
  description: string,
  options: NumberOptions & { initial: number },
): Value<number>;
export function number(
  placeholder: string,
  description: string,
  options?: NumberOptions,
): Value<number | undefined>;
export function number(
  placeholder: string,
  description: string,
  { above = -1, whole = false, initial, ...options }: NumberOptions & { initial?: number } = {},
): Value<number | undefined> {
  const what = `a number of ${placeholder}${above < 0 ? '' : ` above ${above}`}`;
  const parse = (word: string, name: string) => {
    const value = Number(word);
    if ((whole ? /^\d+$/ : /^\d+(\.\d+)?$/).test(word) && value > above) return value;
    throw usageError(`${name} "${word}" is not ${what}`, `${name} ${initial ?? 7}`);
  };
  return { ...blank, kind: 'value', placeholder, description, parse, initial, ...options };
}

type Choice = string | number;
interface ChoiceOptions extends Omit<ValueOptions, 'offers'> {
  /** Upper and lower case are equal. */
  anyCase?: boolean;
}

/** A flag with one of a few values. */
export function choice<const T extends Choice>(
  placeholder: string,
  values: readonly T[],
  description: string,
  options: ChoiceOptions & { initial: NoInfer<T> },
): Value<T>;
export function choice<const T extends Choice>(
  placeholder: string,
  values: readonly T[],
  description: string,
  options?: ChoiceOptions,
): Value<T | undefined>;
export function choice<T extends Choice>(
  placeholder: string,
  values: readonly T[],
  description: string,
  { anyCase = false, initial, ...options }: ChoiceOptions & { initial?: T } = {},
): Value<T | undefined> {
  const parse = (word: string, name: string) =>
    oneOf(values, anyCase ? word.toLowerCase() : word, `${name} "${word}"`, `${name} ${values.join('|')}`);
  return {
    ...blank,
    kind: 'value',
    placeholder,
    description,
    parse,
    initial,
    offers: values.map(String),
    ...options,
  };
}

function oneOf<T extends Choice>(values: readonly T[], word: string, subject: string, hint: string): T {
  const found = values.find((value) => String(value) === word);
  if (found === undefined) throw usageError(`${subject} is not one of ${values.join(', ')}`, hint);
  return found;
}

type ArgumentOptions = Pick<ValueOptions, 'offers'>;

/** An argument that must be there. Help shows it by its key. */
export function required(description: string, options: ArgumentOptions = {}): Value<string> {
  return argument(description, { required: true, initial: '', ...options });
}

/** An optional argument. */
export function optional(description: string, options: ArgumentOptions = {}): Value<string | undefined> {
  return argument(description, { initial: undefined, ...options });
}

/** All remaining words. Help shows them by `placeholder`. */
export function rest(
  placeholder: string,
  description: string,
  options: ArgumentOptions & { required?: true } = {},
): Value<string[]> {
  return argument<string[]>(description, { placeholder, several: true, initial: [], ...options });
}

function argument<T>(description: string, options: Partial<Value<T>> & { initial: T }): Value<T> {
  return { ...blank, kind: 'value', placeholder: '', description, parse: asTyped, ...options };
}

/** The flag for a key: `dryRun` becomes `--dry-run`. */
export function longFlag(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
