import { gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { scaffoldPath } from './manifest.js';
import type { ScaffoldFile } from './scaffold.js';

export const BASE_PATH = '.invctl/base.json.gz';

const baseSchema = z.object({
  baseVersion: z.literal(1),
  files: z.array(
    z.object({
      path: scaffoldPath,
      policy: z.enum(['owned', 'append', 'env', 'secret']),
      mode: z.int(),
      /** Absent: the file has no text of the template, or is not a text. */
      text: z.string().optional(),
      base64: z.string().optional(),
    }),
  ),
});

export interface BaseFile {
  policy: ScaffoldFile['policy'];
  mode: number;
  content: Buffer;
}

/**
 * The rendered files of a scaffold, by path: `upgrade` compares both sides with them. It contains no secret.
 */
export type ScaffoldBase = ReadonlyMap<string, BaseFile>;

export function baseOf(files: readonly ScaffoldFile[]): ScaffoldBase {
  return new Map(
    files.map((file) => [
      file.path,
      {
        policy: file.policy,
        mode: file.mode,
        content: file.policy === 'secret' ? Buffer.alloc(0) : Buffer.from(file.content),
      },
    ]),
  );
}

/** Packs a base; `gzip -dc` prints it as JSON. */
export function formatBase(base: ScaffoldBase): Buffer {
  const files = [...base].map(([path, { policy, mode, content }]) => {
    const text = content.toString('utf8');
    const isText = Buffer.from(text).equals(content);
    return { path, policy, mode, ...(isText ? { text } : { base64: content.toString('base64') }) };
  });
  return gzipSync(JSON.stringify({ baseVersion: 1, files }));
}

/**
 * Returns undefined if it is not readable: cut off, from a merge of two branches, or of a later version of
 * invctl.
 */
export function parseBase(content: Uint8Array): ScaffoldBase | undefined {
  try {
    const { files } = baseSchema.parse(JSON.parse(gunzipSync(content).toString('utf8')));
    return new Map(
      files.map(({ path, policy, mode, text, base64 }) => [
        path,
        {
          policy,
          mode,
          content: base64 === undefined ? Buffer.from(text ?? '') : Buffer.from(base64, 'base64'),
        },
      ]),
    );
  } catch {
    return undefined;
  }
}

export function sameBase(a: ScaffoldBase, b: ScaffoldBase): boolean {
  if (a.size !== b.size) return false;
  for (const [path, { policy, mode, content }] of a) {
    const other = b.get(path);
    if (!other?.content.equals(content) || other.policy !== policy || other.mode !== mode) return false;
  }
  return true;
}
