import { command } from '../cli/command.js';
import { flag } from '../cli/parameters.js';
import { ExitCode } from '../errors.js';
import { isOlder, newestVersion } from '../services/newest-version.js';
import { packageVersion } from '../system/package-version.js';

export default command({
  summary: 'the version of invctl, of Node and of this system',
  examples: ['invctl version', 'invctl version --check', 'invctl version --json | jq -r .data.version'],
  flags: { check: flag('ask npm for the newest version; exit code 5 where this one is older') },
  data: (z) =>
    z.object({
      version: z.string(),
      node: z.string(),
      platform: z.string(),
      newest: z.string().optional().describe('with --check'),
      outdated: z.boolean().optional().describe('with --check'),
    }),
  async run(context, { flags: { check } }) {
    const version = packageVersion();
    const node = process.versions.node;
    const platform = `${process.platform}-${process.arch}`;
    const told = `invctl ${version} (Node ${node}, ${platform})`;
    if (!check) return { data: { version, node, platform }, text: told };
    const newest = await newestVersion(context);
    const outdated = isOlder(version, newest);
    const next = `${newest} is out\nnext:  npm install --global invctl@${newest}, then invctl upgrade in each project`;
    return {
      data: { version, node, platform, newest, outdated },
      text: `${told}\n${outdated ? next : `${newest} is the newest`}`,
      exitCode: outdated ? ExitCode.findings : ExitCode.ok,
    };
  },
});
