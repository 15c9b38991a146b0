import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A Kubernetes API server for tests alone, whose kubeconfig TEST_KUBECONFIG names. KUBECONFIG is never used: it may lead
 * to somebody's cluster.
 */
const kubeconfig = process.env.TEST_KUBECONFIG;

/** kubectl keeps what it has learned of a server below HOME. */
const home = mkdtempSync(join(tmpdir(), 'kubectl-'));
process.once('exit', () => rmSync(home, { recursive: true, force: true }));

export interface KubectlResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface TestCluster {
  /** What a program needs to speak with that server, and no other. */
  environment: NodeJS.ProcessEnv;
  kubectl(...args: string[]): KubectlResult;
  /** @param input standard input */
  kubectlWith(input: string, ...args: string[]): KubectlResult;
}

function clusterAt(config: string | undefined): TestCluster {
  const environment = { PATH: process.env.PATH, HOME: home, KUBECONFIG: config };
  const kubectlWith = (input: string, ...args: string[]): KubectlResult =>
    spawnSync('kubectl', args, { encoding: 'utf8', input, env: environment, maxBuffer: 64 * 1024 ** 2 });
  return { environment, kubectlWith, kubectl: (...args) => kubectlWith('', ...args) };
}

export const { environment: clusterEnvironment, kubectl, kubectlWith } = clusterAt(kubeconfig);

export const withoutCluster = kubeconfig === undefined || kubectl('get', '--raw', '/readyz').status !== 0;
if (withoutCluster)
  console.log('Kubernetes tests are skipped: TEST_KUBECONFIG names no API server that answers');

/**
 * A cluster that has a node with the image postgres:16, so that its pods run. TEST_KUBECONFIG_PODS names its kubeconfig. (Tests
 * of deployments play the kubelet, and so need one without a node.)
 */
export const podCluster = clusterAt(process.env.TEST_KUBECONFIG_PODS);

export function withoutPods(): boolean {
  const { stdout } =
    process.env.TEST_KUBECONFIG_PODS === undefined
      ? { stdout: '' }
      : podCluster.kubectl('get', 'nodes', '--no-headers');
  const without = !/ Ready /.test(stdout);
  if (without)
    console.log('Tests of pods are skipped: TEST_KUBECONFIG_PODS names no cluster with a node that is ready');
  return without;
}
