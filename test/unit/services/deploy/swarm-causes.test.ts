import { describe, expect, it } from 'vitest';
import type { Swarm, SwarmNode, SwarmTask } from '../../../../src/engine/swarm/swarm.js';
import { explainFailure } from '../../../../src/services/deploy/swarm-causes.js';

const node = (name: string, { labels = {}, availability = 'active', state = 'ready' } = {}): SwarmNode => ({
  ID: `id-${name}`,
  Spec: { Labels: labels, Availability: availability },
  Status: { State: state },
  Description: { Hostname: name, Platform: { Architecture: 'x86_64', OS: 'linux' } },
});
const DATA = { labels: { 'shop.pgdata': 'true' } };
const NO_NODE = 'no suitable node (1 node not available for new tasks; scheduling constraints not satisfied)';

async function cause(err: string, nodes: SwarmNode[], lines: string[] = []) {
  const task: SwarmTask = {
    ID: 't',
    ServiceID: 's',
    NodeID: 'id-b',
    CreatedAt: '2026-11-30T12:00:00Z',
    DesiredState: 'running',
    Spec: {
      ContainerSpec: { Image: 'shop', Labels: { 'com.docker.stack.namespace': 'shop' } },
      // The second one is the project's own, and says nothing of data.
      Placement: { Constraints: ['node.labels.disk == ssd', 'node.labels.shop.pgdata == true'] },
    },
    Status: { State: 'pending', Err: err },
  };
  const swarm = { nodes: async () => nodes, logs: async () => lines, healthOutput: async () => '' };
  const failure = { service: 'db', reason: 'timeout', message: 'it was not ready', task } as const;
  const found = await explainFailure(swarm as unknown as Swarm, 'shop', failure, () => undefined, []);
  return [found.cause?.message, found.cause?.next];
}

describe('why a service does not run on several nodes', () => {
  it.each([
    ['drained', node('a', { ...DATA, availability: 'drain' }), 'docker node update --availability active a'],
    ['down', node('a', { ...DATA, state: 'down' }), 'docker node ls      (start Docker on a;'],
  ])('the node of its data is %s', async (how, away, next) => {
    expect(await cause(NO_NODE, [away, node('b')])).toEqual([
      `its data is on the node a, which is ${how}; it starts on no other one, where it would be empty`,
      expect.stringContaining(next),
    ]);
  });

  it('no node has the label of its data', async () => {
    const [message, next] = await cause(NO_NODE, [node('a'), node('b')]);
    expect([message, next]).toEqual([
      expect.stringContaining('no node of the Swarm has that any more'),
      expect.stringMatching(/^docker node update --label-add shop\.pgdata=true NODE /),
    ]);
  });

  it('the node of its data is back, and the Swarm does not try it', async () => {
    const found = await cause(NO_NODE, [node('a', DATA), node('b')]);
    expect(found[1]).toBe('docker service update --force shop_db');
    // Other reasons are the Swarm's own.
    const full = 'no suitable node (1 node not available for new tasks; insufficient resources on 1 node)';
    expect((await cause(full, [node('a', DATA), node('b')]))[1]).toContain('deploy.resources.reservations');
  });

  it('a node cannot pull its image', async () => {
    const error = 'No such image: registry.example.com/shop@sha256:1';
    expect(await cause(error, [node('a', DATA), node('b')])).toEqual([
      expect.stringContaining('the node b cannot pull the image registry.example.com/shop@sha256:1'),
      expect.stringMatching(/^ssh b docker pull registry/),
    ]);
    expect((await cause(error, [node('b', DATA)]))[0]).toContain('the node does not have the image');
  });

  it('nodes do not reach each other, or one went away', async () => {
    const nodes = [node('a', DATA), node('b')];
    const [message, next] = await cause('', nodes, ['Error: connect EHOSTUNREACH 10.0.1.2:5432']);
    expect([message, next]).toEqual([
      expect.stringContaining('EHOSTUNREACH'),
      expect.stringContaining('4789/udp'),
    ]);
    expect((await cause('', [node('a', DATA), node('b', { state: 'down' })]))[0]).toBe(
      'the node b is down, and what ran there has to start elsewhere',
    );
  });
});
