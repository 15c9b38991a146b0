import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Not part of the tests: it measures, and wants the machine for itself. */
export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['bench/**/*.bench.ts'],
    globalSetup: 'bench/global-setup.ts',
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
