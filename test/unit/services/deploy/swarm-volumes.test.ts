import { describe, expect, it } from 'vitest';
import type { Swarm, SwarmService, SwarmTask } from '../../../../src/engine/swarm/swarm.js';
import type { ComposeProject } from '../../../../src/project/model.js';
import { compareServices, volumesLeft } from '../../../../src/services/deploy/swarm-changes.js';
import { nodesOfData } from '../../../../src/services/deploy/swarm-data-node.js';

/** A service of the stack `shop`, as a deployment without a placement left it. */
function running(source: string, constraints: string[] = []): Map<string, SwarmService> {
  const ContainerSpec = {
    Image: 'postgres',
    Labels: { 'com.docker.stack.namespace': 'shop' },
    Mounts: [{ Type: 'volume', Source: source, Target: '/data' }],
  };
  const Spec = {
    Name: 'shop_db',
    Labels: {},
    TaskTemplate: { ContainerSpec, Placement: { Constraints: constraints } },
    Mode: { Replicated: { Replicas: 1 } },
  };
  return new Map([['db', { ID: 'db-id', Spec } as unknown as SwarmService]]);
}

const PROJECT = {
  name: 'shop',
  services: {
    db: {
      name: 'db',
      environment: {},
      secrets: [],
      mounts: [{ type: 'volume', source: 'data', target: '/data' }],
    },
  },
  volumes: { data: { name: 'shop_data' } },
} as unknown as ComposeProject;

describe('the volume of a service in the Swarm', () => {
  it('is among the changes where it becomes another one', () => {
    const intended = {
      project: PROJECT,
      definitions: { db: {} },
      digests: new Map(),
      images: [],
      secrets: [],
    };
    expect(compareServices(running('shop_old'), intended)[0]?.changes).toEqual([
      'volume shop_old → shop_data',
    ]);
    expect(volumesLeft(running('shop_old'), PROJECT)).toMatchObject([
      { before: 'shop_old', now: 'shop_data' },
    ]);
    expect(volumesLeft(running('shop_data'), PROJECT)).toEqual([]);
  });

  it('is on the node that the service runs on, if no label says where', async () => {
    const label = 'shop.data=true';
    const asked: string[] = [];
    const swarm = {
      tasks: async (services: readonly SwarmService[]) => {
        asked.push(...services.map(({ ID }) => ID));
        const tasks = [
          { NodeID: 'newer', Status: { State: 'pending' } },
          { NodeID: 'b', Status: { State: 'running' } },
        ];
        return services.length === 0 ? [] : (tasks as SwarmTask[]);
      },
    } as unknown as Swarm;
    const constraint = 'node.labels.shop.data == true';
    const definitions = { db: { deploy: { placement: { constraints: [constraint] } } } };
    expect([...(await nodesOfData(swarm, running('shop_data'), definitions, [label]))]).toEqual([
      [label, 'b'],
    ]);
    // It has the label's word already, or asks for none.
    for (const [services, defined] of [
      [running('shop_data', [constraint]), definitions],
      [running('shop_data'), { db: {} }],
    ] as const) {
      expect([...(await nodesOfData(swarm, services, defined, [label]))]).toEqual([]);
    }
    expect(asked).toEqual(['db-id']);
  });
});
