import { defineConfig } from 'vitest/config';

const project = (name: string, include: string[], seconds: number) => ({
  extends: true as const,
  test: { name, include, testTimeout: seconds * 1000, hookTimeout: seconds * 1000 },
});

/** Tests that start programs: those run what `npm run build` makes of the sources. */
const withPrograms = (name: string, folder: string, seconds: number) => {
  const { extends: base, test } = project(name, [`${folder}/**/*.test.ts`], seconds);
  return { extends: base, test: { ...test, globalSetup: ['test/support/global-setup.ts'] } };
};

const unit = project('unit', ['test/unit/**/*.test.ts'], 20);

export default defineConfig({
  test: {
    // Most of the time a test waits for an engine or a process that it started.
    maxWorkers: 3,
    projects: [
      // Files share the modules that they load, which halves the time: none of them replaces a module.
      { ...unit, test: { ...unit.test, isolate: false, setupFiles: ['test/support/no-programs.ts'] } },
      withPrograms('integration', 'test/integration', 60),
      withPrograms('contract', 'test/contract', 240),
      withPrograms('e2e-embedded', 'test/e2e/embedded', 300),
      withPrograms('e2e-docker', 'test/e2e/docker', 300),
    ],
  },
});
