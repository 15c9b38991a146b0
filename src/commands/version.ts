import { command } from '../cli/command.js';
import { packageVersion } from '../system/package-version.js';

export default command({
  summary: 'the version of invctl, of Node and of this system',
  examples: ['invctl version', 'invctl version --json | jq -r .data.version'],
  data: (z) => z.object({ version: z.string(), node: z.string(), platform: z.string() }),
  async run(_) {
    const version = packageVersion();
    const node = process.versions.node;
    const platform = `${process.platform}-${process.arch}`;
    return { data: { version, node, platform }, text: `invctl ${version} (Node ${node}, ${platform})` };
  },
});
