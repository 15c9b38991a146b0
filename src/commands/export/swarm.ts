import { command } from '../../cli/command.js';
import { text } from '../../cli/parameters.js';
import { exportSwarm, STDOUT, type SwarmExport } from '../../services/export.js';
import { shellWord } from '../../system/argv.js';
import { lossShape, shownPath, warnOf } from './losses.js';

export default command({
  summary: 'a file for docker stack deploy, with each key that Swarm loses or changes named',
  examples: ['invctl export swarm', 'invctl export swarm -o deploy/shop.yaml', 'invctl export swarm -o -'],
  flags: {
    output: text('file', 'the stack file; - is stdout', {
      otherwise: 'stack.swarm.yaml of the project',
      short: 'o',
      offers: 'files',
    }),
  },
  notes:
    "No value of a secret is in the file: secrets lie in the Swarm, and variables with a secret come from the shell that deploys.\nA port of the loopback interface is left out, since Swarm would open it on every node. A service with a named volume stays on the node that has the volume's label.",
  data: (z) =>
    z.object({
      project: z.string(),
      file: z.string().describe('absolute; - for stdout'),
      written: z.array(z.string()).describe('absolute paths'),
      services: z.array(z.string()),
      secrets: z.array(
        z.object({
          key: z.string().describe('in the compose file'),
          base: z.string().describe('name in the Swarm, without its version'),
          version: z.string().optional().describe('variable that says which version holds'),
          file: z.string().optional().describe('absolute path of the value'),
          environment: z.string().optional().describe('variable with the value'),
        }),
      ),
      variables: z
        .array(z.object({ service: z.string(), name: z.string(), asked: z.string() }))
        .describe('with a secret value: `asked` has to be set where the stack is deployed'),
      nodeLabels: z.array(z.string()).describe('of the node with the data'),
      losses: z.array(lossShape(z)),
    }),
  async run(context, { flags: { output } }) {
    const { text: file, secrets, ...result } = await exportSwarm(context, output);
    warnOf(context, result.losses);
    const told = secrets.map(({ written: _, ...secret }) => secret);
    const data = { ...result, secrets: told };
    return { data, text: result.file === STDOUT ? (file ?? '') : steps({ ...result, secrets }) };
  },
});

function steps({ project, file, services, secrets, variables, nodeLabels }: SwarmExport): string {
  const asked = [...new Set(variables.map((variable) => variable.asked))];
  const before = [
    ...secrets
      .filter(({ version }) => version !== undefined)
      .map(
        ({ base, file: value }) => `docker secret create ${base}_v1 ${shellWord(shownPath(value ?? 'FILE'))}`,
      ),
    ...nodeLabels.map((label) => `docker node update --label-add ${shellWord(label)} NODE`),
    ...asked.map((name) => `export ${name}=…`),
  ];
  return [
    `${shownPath(file)} written: ${services.join(', ')}`,
    ...(before.length > 0
      ? ['', 'once, on a manager of the Swarm:', ...before.map((line) => `  ${line}`)]
      : []),
    '',
    `next:  docker stack deploy --compose-file ${shellWord(shownPath(file))} ${project}`,
  ].join('\n');
}
