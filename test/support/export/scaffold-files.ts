import { loadTemplate } from '../../../src/template/manifest.js';
import { renderScaffold } from '../../../src/template/scaffold.js';

/** The files that `init` writes, by their path; secrets have a value. */
export async function scaffoldFiles(): Promise<Record<string, string>> {
  const options = {
    name: 'shop',
    port: 5003,
    postgres: 16,
    node: 24,
    dbName: 'shop',
    dbUser: 'shop',
  } as const;
  const files = await renderScaffold(await loadTemplate(), options);
  return Object.fromEntries(
    files.map((file) => [file.path, file.policy === 'secret' ? 'the-password' : String(file.content)]),
  );
}
