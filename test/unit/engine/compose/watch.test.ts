import { expect, it } from 'vitest';
import { ContainerWatch } from '../../../../src/engine/compose/watch.js';
import type { ServiceEvent } from '../../../../src/engine/engine.js';
import type { ProcessRunner } from '../../../../src/system/process.js';

/** What the watch says of an engine's events: `action` or `action=exit code` of a container's id. */
async function phases(...events: [id: string, action: string][]): Promise<string[]> {
  const said: ServiceEvent[] = [];
  const watch = new ContainerWatch((event) => said.push(event));
  const lines = events.map(([id, action]) => {
    const [name, exitCode] = action.split('=');
    const Attributes = {
      'com.docker.compose.service': 'api',
      ...(exitCode === undefined ? {} : { exitCode }),
    };
    return JSON.stringify({ Action: name, timeNano: Date.now() * 1e6, Actor: { ID: id, Attributes } });
  });
  let ended = () => {};
  const over = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const processes = {
    async *lines() {
      yield* lines;
      ended();
    },
  } as unknown as ProcessRunner;
  watch.open(processes, 'shop', '/');
  await over;
  await watch.close();
  return said.map(({ phase, detail }) => (detail ? `${phase}: ${detail}` : phase));
}

it.each([['0'], ['143']])(
  'a container that is stopped with %s to be made anew has not completed, nor crashed',
  async (code) => {
    const anew = await phases(
      ['new', 'create'],
      ['old', `die=${code}`],
      ['old', 'destroy'],
      ['new', 'start'],
      ['new', 'health_status: healthy'],
    );
    expect(anew).toEqual(['created', 'starting', 'healthy']);
  },
);

it('one that was started has', async () => {
  expect(await phases(['new', 'create'], ['new', 'start'], ['new', 'die=0'])).toEqual([
    'created',
    'starting',
    'completed',
  ]);
  expect(await phases(['old', 'start'], ['old', 'die=1'])).toEqual(['starting', 'failed: exited with 1']);
});
