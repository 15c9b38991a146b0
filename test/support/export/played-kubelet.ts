import { setTimeout as delay } from 'node:timers/promises';
import { kubectl, kubectlWith } from './cluster.js';

/** What a kubelet would say of a pod: `ready`, or the reason for which its container waits. */
export type Played = 'ready' | 'ImagePullBackOff' | 'CrashLoopBackOff';

/**
 * Plays the kubelet for a namespace of a cluster without nodes: gives each pod the status that its image calls for, through
 * the API's own subresource. The controllers are real and count what they find.
 */
export function playKubelet(namespace: string, play: (image: string) => Played): { stop(): Promise<void> } {
  let stopped = false;
  const done = (async () => {
    while (!stopped) {
      const pods = JSON.parse(kubectl('get', 'pods', '-n', namespace, '-o', 'json').stdout || '{"items":[]}');
      for (const pod of pods.items) {
        const [container] = pod.spec.containers;
        const played = play(container.image);
        if (pod.status.containerStatuses?.[0]?.name === container.name) continue;
        const ready = played === 'ready';
        const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
        pod.status = {
          phase: ready ? 'Running' : 'Pending',
          conditions: [
            { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: now },
            { type: 'ContainersReady', status: ready ? 'True' : 'False', lastTransitionTime: now },
          ],
          containerStatuses: [
            {
              name: container.name,
              image: container.image,
              imageID: '',
              ready,
              started: ready,
              restartCount: played === 'CrashLoopBackOff' ? 5 : 0,
              state: ready
                ? { running: { startedAt: now } }
                : { waiting: { reason: played, message: `Back-off of "${container.image}"` } },
              lastState:
                played === 'CrashLoopBackOff' ? { terminated: { exitCode: 137, reason: 'OOMKilled' } } : {},
            },
          ],
        };
        const path = `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}/status`;
        kubectlWith(JSON.stringify(pod), 'replace', '--raw', path, '-f', '-');
      }
      await delay(300);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await done;
    },
  };
}
