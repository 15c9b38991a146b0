import { relative } from 'node:path';
import type { Context } from '../../../cli/context.js';
import { fileDiff } from '../../../project/file-diff.js';
import { maskText } from '../../../project/secret-values.js';
import { secretsOfProject } from '../../../services/config.js';
import type { ComposeEdit } from '../../../services/protection/receiver-service.js';

/** The edit as a diff for a person, secrets masked. */
export async function composeDiff(context: Context, { file, before, after }: ComposeEdit): Promise<string> {
  const location = context.project();
  const secrets = secretsOfProject(context, await (await context.engine()).resolve(location));
  return fileDiff(relative(location.directory, file), { text: before }, { text: after }, (line) =>
    maskText(line, secrets),
  );
}
