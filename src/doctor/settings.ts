import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { ExitCode, hasErrorCode, UserError } from '../errors.js';

/** A check that the project silences, and why. */
export interface IgnoredCheck {
  id: string;
  reason: string;
  file: string;
  /** 1-based. */
  line: number;
}

/** What `invctl.yaml` tells the doctor. */
export interface DoctorSettings {
  ignore: IgnoredCheck[];
  /** Names of the services that are the database and the app. */
  services: { database?: string; app?: string };
  /** A secret comes out of a command. */
  secretCommands: boolean;
}

const FILE = 'invctl.yaml';

/**
 * Reads `doctor` and `services` of `invctl.yaml`; the defaults where there is none.
 * @throws UserError CONFIG_INVALID (exit 4) with file and line, for an entry without id or reason as well.
 */
export function readDoctorSettings(directory: string): DoctorSettings {
  const file = join(directory, FILE);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return { ignore: [], services: {}, secretCommands: false };
    throw error;
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [error] = document.errors;
  if (error) throw invalid(file, error.message.split('\n')[0] as string, lines.linePos(error.pos[0]).line);
  const ignore: IgnoredCheck[] = [];
  const list = document.getIn(['doctor', 'ignore'], true);
  if (list !== undefined && !isSeq(list)) {
    throw invalid(file, 'doctor.ignore must be a list of {id, reason}', 1);
  }
  for (const item of isSeq(list) ? list.items : []) {
    const line = lines.linePos((item as { range?: [number] }).range?.[0] ?? 0).line;
    const id = isMap(item) ? item.get('id') : undefined;
    const reason = isMap(item) ? item.get('reason') : undefined;
    if (typeof id !== 'string' || typeof reason !== 'string' || reason.trim() === '') {
      throw invalid(file, 'an entry of doctor.ignore needs an id and a reason', line);
    }
    ignore.push({ id, reason, file, line });
  }
  const name = (key: string) => {
    const node = document.getIn(['services', key], true);
    return isScalar(node) && typeof node.value === 'string' ? { [key]: node.value } : {};
  };
  const secrets = document.get('secrets');
  const secretCommands = isMap(secrets) && secrets.items.some(({ value }) => isMap(value) && value.has('command'));
  return { ignore, services: { ...name('database'), ...name('app') }, secretCommands };
}

function invalid(file: string, message: string, line: number): UserError {
  return new UserError({
    code: 'CONFIG_INVALID',
    message: `${FILE} is not valid: ${message}`,
    file,
    line,
    hint: `mend ${file}:${line}`,
    exitCode: ExitCode.projectInvalid,
  });
}
