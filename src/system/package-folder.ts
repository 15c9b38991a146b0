import { fileURLToPath } from 'node:url';

/**
 * Absolute folder of this package; the path is the same from a source file at this depth and from the
 * bundle's.
 */
export const PACKAGE_FOLDER = fileURLToPath(new URL('../../', import.meta.url));
