import { command } from '../../cli/command.js';
import { choice, parsed, text } from '../../cli/parameters.js';
import { usageError } from '../../errors.js';
import { DATABASE_FORMS } from '../../export/k8s/part.js';
import { exportK8s, type K8sExport } from '../../services/export.js';
import { shellWord } from '../../system/argv.js';
import { lossShape, shownPath, warnOf } from './losses.js';

/** A host name by RFC 1123, as an Ingress requires it. */
const HOST = /^(?:\*\.)?[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

export default command({
  summary: 'a Kustomize base and an overlay, with each key that Kubernetes loses or changes named',
  examples: [
    'invctl export k8s',
    'invctl export k8s --db external --ingress shop.example.com',
    'invctl export k8s -o deploy/k8s',
  ],
  flags: {
    output: text('dir', 'the folder', { otherwise: 'k8s of the project', short: 'o', offers: 'folders' }),
    db: choice('form', DATABASE_FORMS, 'what the database becomes', { initial: 'statefulset' }),
    ingress: parsed('host', 'host name under which the app is reached, with TLS', (word) => {
      if (!HOST.test(word))
        throw usageError(`"${word}" is not a host name`, 'invctl export k8s --ingress shop.example.com');
      return word;
    }),
  },
  notes:
    'base/ is written anew each time, overlays/ once: change what you like there.\nNo value of a secret is in the files; the commands that create the Secrets are printed.\nA volume has 10Gi unless the compose file says another size: volumes: {pgdata: {x-size: 20Gi}}.',
  data: (z) =>
    z.object({
      project: z.string(),
      folder: z.string().describe('absolute'),
      written: z.array(z.string()).describe('absolute paths'),
      kept: z.array(z.string()).describe('files of the overlay that were there'),
      removed: z.array(z.string()).describe('files of an earlier export, of services that are gone'),
      namespace: z.string(),
      objects: z.array(z.object({ kind: z.string(), name: z.string() })),
      secrets: z
        .array(
          z.object({
            name: z.string(),
            keys: z.array(
              z.object({
                key: z.string(),
                file: z.string().optional().describe('absolute path of the value'),
                variable: z.string().optional().describe('variable of this machine with the value'),
                service: z.string().optional().describe('service whose environment has the value'),
              }),
            ),
          }),
        )
        .describe('Secrets that have to be there'),
      losses: z.array(lossShape(z)),
    }),
  async run(context, { flags: { output, db, ingress } }) {
    const result = await exportK8s(context, { output, database: db, ingress });
    warnOf(context, result.losses);
    return { data: result, text: steps(result) };
  },
});

function steps({ folder, written, kept, objects, secrets, namespace }: K8sExport): string {
  const shown = shownPath(folder);
  const base = shellWord(`${shown}/base`);
  const overlay = shellWord(`${shown}/overlays/production`);
  return [
    `${shown}/ written: ${written.length} files, ${objects.length} objects${kept.length > 0 ? '; the overlay is yours and stays' : ''}`,
    '',
    'once:',
    `  kubectl apply --filename ${base}/namespace.yaml`,
    ...secrets.map((secret) => `  ${createSecret(secret, namespace)}`),
    '',
    `next:  kubectl apply --server-side --kustomize ${overlay}`,
  ].join('\n');
}

/** The command reads values from files, because everybody on the machine can read a command line. */
function createSecret({ name, keys }: K8sExport['secrets'][number], namespace: string): string {
  const create = `kubectl --namespace ${namespace} create secret generic ${name}`;
  const service = keys.find((key) => key.service !== undefined)?.service;
  if (service !== undefined) {
    return `${create} --from-env-file=FILE   # ${keys.map(({ key }) => `${key}=…`).join(', ')}, as ${service} has them`;
  }
  return `${create} ${keys.map(({ key, file }) => `--from-file=${key}=${shellWord(shownPath(file ?? 'FILE'))}`).join(' ')}`;
}
