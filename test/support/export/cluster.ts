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

/** What a program needs to speak with that server, and no other. */
export const clusterEnvironment = { PATH: process.env.PATH, HOME: home, KUBECONFIG: kubeconfig };

export function kubectl(...args: string[]): KubectlResult {
  return kubectlWith('', ...args);
}

/** @param input standard input */
export function kubectlWith(input: string, ...args: string[]): KubectlResult {
  return spawnSync('kubectl', args, {
    encoding: 'utf8',
    input,
    env: clusterEnvironment,
    maxBuffer: 64 * 1024 ** 2,
  });
}

export const withoutCluster = kubeconfig === undefined || kubectl('get', '--raw', '/readyz').status !== 0;
if (withoutCluster)
  console.log('Kubernetes tests are skipped: TEST_KUBECONFIG names no API server that answers');
