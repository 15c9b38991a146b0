import { defineConfig } from 'vitest/config';

const project = (name: string, include: string[], seconds: number) => ({
  extends: true as const,
  test: { name, include, testTimeout: seconds * 1000, hookTimeout: seconds * 1000 },
});

export default defineConfig({
  test: {
    // Most of the time a test waits for an engine or a process that it started.
    maxWorkers: 3,
    projects: [
      project('unit', ['test/unit/**/*.test.ts'], 60),
      project('contract', ['test/contract/**/*.test.ts'], 240),
      project('e2e-embedded', ['test/e2e/embedded/**/*.test.ts'], 300),
      project('e2e-docker', ['test/e2e/docker/**/*.test.ts'], 300),
    ],
  },
});
