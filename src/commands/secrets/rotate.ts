import { relative } from 'node:path';
import { command } from '../../cli/command.js';
import { flag, optional } from '../../cli/parameters.js';
import { formatDuration } from '../../output/units.js';
import { rotateSecret } from '../../services/secrets/rotate.js';
import type { AdminStep } from '../../services/secrets/rotate-admin.js';
import type { RotationStep } from '../../services/secrets/rotation.js';

const STEPS: Record<RotationStep | AdminStep | 'revert', string> = {
  prepare: 'making a new value',
  alter: 'changing it in the database',
  change: 'telling the API',
  swap: 'writing the file',
  recreate: 'restarting the services that hold it',
  prove: 'proving it',
  clean: 'removing the old one',
  revert: 'putting everything back',
};

export default command({
  summary: 'give a secret a new value, everywhere at once or not at all',
  examples: [
    'invctl secrets rotate',
    'invctl secrets rotate JWT_SECRET_KEY',
    'invctl secrets rotate admin_password      (for one who lost it as well)',
    'invctl secrets rotate --deployed      (of what `invctl deploy` put in place, in a Swarm or a cluster)',
  ],
  args: {
    name: optional("of the compose file's secrets, or of an env file; default: the database's password", {
      offers: 'secrets',
    }),
  },
  flags: {
    deployed: flag('where the project is deployed, a Swarm or a cluster: a new version of the secret there'),
    swarm: flag('in the Swarm that the project is deployed to: a new version of the secret'),
  },
  notes:
    'The value is random; of a secret with a command in invctl.yaml, it is what that command prints now.',
  data: (z) =>
    z.object({
      secret: z.string(),
      kind: z
        .enum(['password', 'admin', 'file', 'variable'])
        .describe(
          "password: the database's; admin: of the scaffold's admin; variable: a line of an env file",
        ),
      file: z.string(),
      recreated: z.array(z.string()).describe('services that are healthy with the new value'),
    }),
  async run(context, { args: { name }, flags: { deployed, swarm } }) {
    const progress = await context.output.progress();
    const started = Date.now();
    const elapsed = () => formatDuration(Date.now() - started);
    try {
      const result = await rotateSecret(context, {
        name,
        there: swarm ? 'swarm' : deployed ? 'deployed' : undefined,
        onStep: (step) => progress.set('rotate', 'working', () => `${STEPS[step]}  ${elapsed()}`),
      });
      const { secret, file, recreated } = result;
      progress.set('rotate', 'done', `${secret} has a new value  ${elapsed()}`);
      progress.stop();
      const place = relative(context.project().directory, file);
      const text = [
        `${secret} has a new value, in ${place.startsWith('..') ? file : place}`,
        ...(result.kind === 'admin'
          ? ['the API lets the admin in with it, and has ended all sessions of the admin']
          : recreated.length > 0
            ? [`recreated, and running with it: ${recreated.join(', ')}`]
            : ['no service runs with it']),
        ...(result.kind === 'password' ? ['the old password is refused'] : []),
      ];
      return { data: { ...result }, text: text.join('\n') };
    } catch (error) {
      progress.set('rotate', 'failed', 'not rotated');
      progress.stop();
      throw error;
    }
  },
});
