import { fileURLToPath } from 'node:url';

/** Absolute folder of this package, from a source file of this depth and from the bundle's. */
export const PACKAGE_FOLDER = fileURLToPath(new URL('../../', import.meta.url));
