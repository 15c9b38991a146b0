import { disposeOf, embeddedEngine, embeddedEnvironment, query } from '../support/embedded.js';
import { createTinyStack } from '../support/tiny-stack.js';
import { describeEngine } from './engine.contract.js';

describeEngine('embedded', async () => {
  const stack = await createTinyStack();
  const env = await embeddedEnvironment(stack);
  return {
    stack,
    // A new one each time, as each command has: nothing is remembered in memory.
    get engine() {
      return embeddedEngine(env);
    },
    query: async (sql) => (await query(embeddedEngine(env), stack, sql)).map(String),
    dispose: () => disposeOf(stack, env),
  };
});
