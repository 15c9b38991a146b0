import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { invctl } from '../../support/cli.js';
import { withProject } from '../../support/project/project-on-disk.js';

it('down says that a cluster still runs the project, and how to end it there', async () => {
  const files = { 'compose.yaml': 'name: my_shop\nservices: {db: {image: "postgres:16"}}\n' };
  await withProject(files, async (cwd) => {
    const down = async () => {
      const { code, stdout } = await invctl(['--engine', 'embedded', 'down', '--json'], { cwd });
      expect(code).toBe(0);
      return JSON.parse(stdout).warnings;
    };
    expect(await down()).toEqual([]);
    mkdirSync(join(cwd, '.invctl'), { recursive: true });
    const record = JSON.stringify({ context: 'prod', namespace: 'shop' });
    writeFileSync(join(cwd, '.invctl', 'cluster.json'), record);
    expect(await down()).toEqual([
      expect.stringMatching(
        /^my_shop was deployed to the namespace "shop" of the context prod, .*: kubectl .*--context prod.* delete deployment,statefulset,.* --selector app.kubernetes.io\/name=my-shop$/,
      ),
    ]);
  });
});
