import { describe } from 'vitest';
import { createComposeEngine } from '../../src/engine/compose/engine.js';
import { createProcessRunner } from '../../src/system/process.js';
import { scriptEnvironment } from '../support/cli.js';
import { withoutDocker } from '../support/docker.js';
import { docker, leftovers, removeProject } from '../support/docker-project.js';
import { createTinyStack } from '../support/tiny-stack.js';
import { describeEngine } from './engine.contract.js';

describe.skipIf(withoutDocker)('with Docker', () => {
  describeEngine('docker', async () => {
    const stack = await createTinyStack();
    const env = scriptEnvironment();
    return {
      stack,
      get engine() {
        return createComposeEngine({ processes: createProcessRunner({ env }), env });
      },
      async query(sql) {
        const found = await docker(
          'exec',
          `${stack.name}-db-1`,
          'psql',
          '-U',
          'tiny',
          '-d',
          'tiny',
          '-Atc',
          sql,
        );
        return found === '' ? [] : found.split('\n');
      },
      async dispose() {
        const engine = createComposeEngine({ processes: createProcessRunner({ env }), env });
        await engine.down(stack.location(), { volumes: true });
        const left = (await leftovers(stack.name)).filter((line) => !line.startsWith('image '));
        await removeProject(stack.name);
        await stack.remove();
        return left;
      },
    };
  });
});
