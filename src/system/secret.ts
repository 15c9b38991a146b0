import { inspect } from 'node:util';

const REDACTED = '[redacted]';

/** A value that never shows itself: every way of printing it gives `[redacted]`. Only `reveal()` returns it. */
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
  /(passw(or)?d|passwd|pwd|secret|token|credential|private_?key|api_?key|access_?key|jwt|encryption_?key|signing_?key|(^|_)(dsn|salt|pepper)($|_))/i;
const POINTER_NAME = /_(file|path|dir)$/i;

/**
 * Whether an environment variable of this name holds a secret by convention. A `…_FILE` variable holds a path,
 * which is no secret.
 */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !POINTER_NAME.test(name);
}

/**
 * Replaces what looks like a credential in free text: the password of a URL, and the value in `NAME=value` and
 * `NAME: value` where the name is a secret's.
 */
export function redact(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@/]+@/gi, `$1:${REDACTED}@`)
    .replace(/\b([A-Za-z_][A-Za-z0-9_]*)(\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;"']+)/g, (whole, name, sign) =>
      isSecretName(name) ? `${name}${sign}${REDACTED}` : whole,
    );
}
