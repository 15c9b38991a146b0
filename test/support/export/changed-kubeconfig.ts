import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import { parse, stringify } from 'yaml';
import type { TestCluster } from './cluster.js';
import { severableProxy } from './severable-proxy.js';

/** A kubeconfig in the folder, with a change. @returns what a program needs to use it */
function changedKubeconfig(
  { environment }: TestCluster,
  folder: string,
  change: (config: ReturnType<typeof parse>) => void,
): NodeJS.ProcessEnv {
  const config = parse(readFileSync(environment.KUBECONFIG as string, 'utf8'));
  change(config);
  const file = join(folder, `kubeconfig-${randomBytes(3).toString('hex')}`);
  writeFileSync(file, stringify(config));
  return { KUBECONFIG: file };
}

/** The way to the API server through a proxy that can be cut. */
export async function cuttableCluster(
  cluster: TestCluster,
  folder: string,
): Promise<{ env: NodeJS.ProcessEnv; cut(): void }> {
  const { clusters } = parse(readFileSync(cluster.environment.KUBECONFIG as string, 'utf8'));
  const port = Number(new URL(clusters[0].cluster.server).port);
  const { port: own, cut } = await severableProxy(port);
  const env = changedKubeconfig(cluster, folder, (config) => {
    config.clusters[0].cluster.server = `https://127.0.0.1:${own}`;
  });
  return { env, cut };
}

/** Somebody with the rights of a role of the cluster in a namespace. @returns what a program needs to be them */
export async function accountOf(
  cluster: TestCluster,
  folder: string,
  { namespace, name, role }: { namespace: string; name: string; role: string },
): Promise<NodeJS.ProcessEnv> {
  const { kubectl } = cluster;
  kubectl('create', 'serviceaccount', name, '-n', namespace);
  const account = `--serviceaccount=${namespace}:${name}`;
  kubectl('create', 'rolebinding', name, '-n', namespace, `--clusterrole=${role}`, account);
  const token = await vi.waitUntil(
    () => {
      const { items } = JSON.parse(kubectl('get', 'secrets', '-n', namespace, '-o', 'json').stdout);
      // biome-ignore lint/suspicious/noExplicitAny: as Kubernetes has it.
      const own = items.find(({ metadata }: any) => metadata.name.startsWith(`${name}-token`));
      return own?.data?.token && Buffer.from(own.data.token, 'base64').toString();
    },
    { timeout: 20_000 },
  );
  return changedKubeconfig(cluster, folder, (config) => {
    config.users[0].user = { token };
  });
}
