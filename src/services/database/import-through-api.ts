import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import { hostPath } from '../../project/mounted-file.js';
import { readSecretFile } from '../../project/secret-file.js';
import { appService } from '../../project/service-roles.js';
import { readSettings } from '../../project/settings-file.js';
import { fetchWithin } from '../../system/fetch-within.js';
import { Secret } from '../../system/secret.js';
import type { ServiceContext } from '../context.js';

/** Time limit of the login and of the import, in milliseconds. */
const LOGIN_MS = 30_000;
const IMPORT_MS = 300_000;
const ERRORS_SHOWN = 5;

const token = z.object({ access_token: z.string() });
const imported = z.object({ rows: z.int(), unchanged: z.int() });
const refused = z.object({
  detail: z.string().optional(),
  title: z.string().optional(),
  errors: z.array(z.object({ pointer: z.string().optional(), message: z.string() })).optional(),
});

/** Where the API of a scaffold is, and its admin's login. */
interface Api {
  url: string;
  user: string;
  password: Secret;
  close(): Promise<void>;
}

/**
 * Sends a CSV file to the import of a scaffold's API, which applies all of it or nothing.
 * @throws UserError SERVICE_NOT_RUNNING, LOGIN_FAILED, SEED_FAILED with file and line
 */
export async function importThroughApi(
  context: ServiceContext,
  file: string,
): Promise<{ rows: number; unchanged: number }> {
  const api = await findApi(context);
  try {
    return await importInto(context, api, file);
  } finally {
    await api.close();
  }
}

async function importInto(
  context: ServiceContext,
  api: Api,
  file: string,
): Promise<{ rows: number; unchanged: number }> {
  const body = await readFile(file);
  const { access_token } = token.parse(await logIn(context, api));
  const response = await fetchWithin(`${api.url}/api/v1/imports?mode=atomic`, {
    method: 'POST',
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'text/csv' },
    body,
    timeoutMs: IMPORT_MS,
    signal: context.signal,
  });
  const answer: unknown = await response.json();
  if (response.ok) return imported.parse(answer);
  throw importRefused(file, body.toString('utf8'), answer);
}

async function findApi(context: ServiceContext): Promise<Api> {
  const location = context.project();
  const engine = await context.engine();
  const project = await engine.resolve(location);
  const app = appService(project, (await readSettings(location)).services);
  const status = (await engine.status(location)).find(({ name }) => name === app.name);
  const port =
    status?.state === 'running' ? status.ports.find(({ protocol }) => protocol === 'tcp') : undefined;
  if (!port) {
    throw new UserError({
      code: 'SERVICE_NOT_RUNNING',
      message: `the service "${app.name}", which takes the file, is not running`,
      hint: `invctl up ${app.name}`,
    });
  }
  const grant = app.secrets.find(({ source }) => source === 'admin_password');
  const secretFile = grant && hostPath(project, app, grant.target);
  const password = app.environment.ADMIN_PASSWORD ?? (secretFile && readSecretFile(secretFile));
  if (!password) {
    throw new UserError({
      code: 'LOGIN_FAILED',
      message: "the admin's password, with which a file is imported, is nowhere to be read",
      hint: 'invctl secrets check',
    });
  }
  const forward = status?.machine && (await engine.forward(location, app.name, { target: port.target }));
  return {
    url: `http://127.0.0.1:${forward?.port ?? port.published}`,
    close: async () => forward?.close(),
    user: app.environment.ADMIN_USERNAME || 'admin',
    password: new Secret(password),
  };
}

async function logIn(context: ServiceContext, { url, user, password }: Api): Promise<unknown> {
  const response = await fetchWithin(`${url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: user, password: password.reveal() }),
    timeoutMs: LOGIN_MS,
    signal: context.signal,
  });
  if (response.ok) return response.json();
  const { detail, title } = refused.parse(await response.json().catch(() => ({})));
  throw new UserError({
    code: 'LOGIN_FAILED',
    message: `the API does not let ${user} in: ${detail ?? title ?? `status ${response.status}`}`,
    hint: 'where the password was changed in the API, seed by SQL: invctl db seed FILE.sql',
  });
}

function importRefused(file: string, text: string, answer: unknown): UserError {
  const { detail = 'the API refused the file', errors = [] } = refused.safeParse(answer).data ?? {};
  const flaws = errors.map(({ pointer, message }) => {
    const [, record, column] = /^\/rows\/(\d+)\/?(.*)$/.exec(pointer ?? '') ?? [];
    const line = record === undefined ? undefined : lineOfRecord(text, Number(record));
    return { line, text: `${column ? `${column} ` : ''}${message}` };
  });
  const shown = flaws
    .slice(0, ERRORS_SHOWN)
    .map(({ line, text: flaw }) => `  ${line === undefined ? '' : `line ${line}: `}${flaw}`);
  const [first] = flaws;
  return new UserError({
    code: 'SEED_FAILED',
    message: [
      detail,
      ...shown,
      ...(flaws.length > ERRORS_SHOWN ? [`  and ${flaws.length - ERRORS_SHOWN} more`] : []),
    ].join('\n'),
    hint: `mend the file, then: invctl db seed ${basename(file)}`,
    file,
    ...(first?.line === undefined ? {} : { line: first.line }),
  });
}

/**
 * The line that a record of a CSV file begins at, both counted from 1: a quoted cell may contain line ends.
 */
export function lineOfRecord(text: string, record: number): number {
  let line = 1;
  let current = 1;
  let quoted = false;
  for (const character of text) {
    if (current === record) return line;
    if (character === '"') quoted = !quoted;
    else if (character === '\n') {
      line += 1;
      if (!quoted) current += 1;
    }
  }
  return line;
}
