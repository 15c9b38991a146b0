import { createRequire } from 'node:module';

/** The folder of this package: above src/, and above dist/, where the modules that programs share lie side by side. */
export const PACKAGE = new URL('../', import.meta.url);

const manifest: { version: string } = createRequire(import.meta.url)('../package.json');

/** The version of this package. */
export const VERSION = manifest.version;
