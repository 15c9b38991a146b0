import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { PACKAGE_FOLDER } from '../system/package-folder.js';

const mode = z.int().min(0).max(0o777);
/** Relative, with `/`, inside the scaffold. */
export const scaffoldPath = z.string().regex(/^(?!\/)(?!.*(^|\/)\.\.?(\/|$)).+$/);
const path = scaffoldPath;

const templateFile = z.discriminatedUnion('policy', [
  z.strictObject({ path, policy: z.literal('owned'), source: path }),
  z.strictObject({ path, policy: z.literal('append'), source: path }),
  z.strictObject({ path, policy: z.literal('env'), example: path, generate: z.array(z.string()), mode }),
  z.strictObject({ path, policy: z.literal('secret'), mode }),
]);

const manifestSchema = z.strictObject({
  name: z.string(),
  folders: z.array(z.strictObject({ path, mode })),
  /** In the order in which they are written. */
  files: z.array(templateFile),
  trees: z.array(
    z.strictObject({
      source: path,
      path,
      ignore: z.array(z.string()),
      /** Folders with numbered files that are never changed after they were written. */
      migrations: z.array(path).default([]),
      replace: z.array(z.strictObject({ file: path, text: z.string().min(1), with: z.string() })),
    }),
  ),
  /** Files that had another path in an earlier template, in the order in which they were renamed. */
  renames: z.array(z.strictObject({ from: path, to: path })).default([]),
});

type TemplateManifest = z.infer<typeof manifestSchema>;

/** A template of this package and the paths of its parts. */
export interface Template {
  manifest: TemplateManifest;
  /** Version of the invctl that contains it: together with the options it determines the files. */
  version: string;
  /** Absolute folder of `template.yaml`. */
  folder: string;
  /** Absolute folder of the package, where `trees` start. */
  packageFolder: string;
}

/** Reads the template that `init` uses. */
export async function loadTemplate(packageFolder = PACKAGE_FOLDER): Promise<Template> {
  const folder = join(packageFolder, 'templates', 'compose-stack');
  const [manifest, packageJson] = await Promise.all([
    readFile(join(folder, 'template.yaml'), 'utf8'),
    readFile(join(packageFolder, 'package.json'), 'utf8'),
  ]);
  const { version } = JSON.parse(packageJson) as { version: string };
  return { manifest: manifestSchema.parse(parse(manifest)), version, folder, packageFolder };
}
