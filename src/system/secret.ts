import { inspect } from 'node:util';

const REDACTED = '[redacted]';

/** A value that is never printed: every conversion to text gives `[redacted]`. Only `reveal()` returns it. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

const SECRET_NAME =
  /(passw(or)?d|passwd|pwd(?![a-z])|secret|token|credential|private_?key|api_?key|access_?key|jwt|encryption_?key|signing_?key|(^|_)(dsn|salt|pepper)($|_))/i;
const POINTER_NAME = /_(file|path|dir)$/i;
/**
 * Names of working directories: the shell's own variables, and those of compose files. `POSTGRESQL_PWD` and
 * `pwd` are passwords.
 */
const FOLDER_NAME = /^(?:OLD|(?:HOST|PROJECT|CURRENT|WORK|WORKING|INIT|ROOT)_?)?PWD$/;

/**
 * Whether an environment variable of this name holds a secret by convention. A `…_FILE` variable and `PWD`
 * hold a path, which is not a secret.
 */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !POINTER_NAME.test(name) && !FOLDER_NAME.test(name);
}

const NAME_AND_SIGN = /\b([A-Za-z_][A-Za-z0-9_]*)["']?\s*[=:]\s*/g;
const VALUE = /"[^"]*"|'[^']*'|[^\s,;"']+/y;

const URL_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@/]+@/gi;
/** `https://TOKEN@github.com/…`, as git takes it. */
const URL_TOKEN = /\b(https?:\/\/)[^\s:/@?#"'`<>]+@/gi;
/** The schemes of https://www.rfc-editor.org/rfc/rfc6750 and https://www.rfc-editor.org/rfc/rfc7617. */
const AUTHORIZATION = /\b(authorization["']?\s*[=:]\s*["']?(?:bearer|basic)\s+)[^\s"'`,;]+/gi;

/**
 * Replaces text that looks like a credential: the password or the token of a URL, what follows
 * `Authorization: Bearer`, and the value in `NAME=value` and `NAME: value` if the name is a secret's.
 */
export function redact(text: string): string {
  const urls = text
    .replace(URL_PASSWORD, `$1:${REDACTED}@`)
    .replace(URL_TOKEN, `$1${REDACTED}@`)
    .replace(AUTHORIZATION, `$1${REDACTED}`);
  let shown = '';
  let at = 0;
  for (const { index, 0: nameAndSign, 1: name = '' } of urls.matchAll(NAME_AND_SIGN)) {
    const from = index + nameAndSign.length;
    VALUE.lastIndex = from;
    // A hidden value may itself look like a name with its value.
    if (from < at || !isSecretName(name) || !VALUE.test(urls)) continue;
    shown += urls.slice(at, from) + REDACTED;
    at = VALUE.lastIndex;
  }
  return shown + urls.slice(at);
}
