import { describe, expect, it } from 'vitest';
import type { Swarm, SwarmService, SwarmTask, TaskSpec } from '../../../../src/engine/swarm/swarm.js';
import { awaitRollout, failedTasks } from '../../../../src/services/deploy/swarm-rollout.js';

const of = (Image: string): TaskSpec => ({ ContainerSpec: { Image } });

const api = (UpdateStatus?: SwarmService['UpdateStatus']) =>
  ({
    ID: 's',
    Version: { Index: 1 },
    Spec: { Name: 'shop_api', TaskTemplate: of('good'), Mode: { Replicated: { Replicas: 1 } } },
    ...(UpdateStatus === undefined ? {} : { UpdateStatus }),
  }) as SwarmService;

const task = (ID: string, second: number, State: string, image: string): SwarmTask => ({
  ID,
  ServiceID: 's',
  Slot: 1,
  CreatedAt: `2026-11-30T12:00:0${second}Z`,
  DesiredState: State === 'running' ? 'running' : 'shutdown',
  Spec: of(image),
  Status: { State },
});

const swarmOf = (service: SwarmService, tasks: SwarmTask[]) =>
  ({
    services: async () => new Map([['api', service]]),
    tasks: async () => tasks,
  }) as unknown as Swarm;

describe('the rollout of a service that went back', () => {
  it('has the task that failed before the first look as its evidence, and none from before', async () => {
    const earlier = task('earlier', 1, 'failed', 'good');
    const failedBefore = await failedTasks(swarmOf(api(), [earlier]), [api()]);
    const tasks = [task('running', 4, 'running', 'good'), task('broken', 3, 'failed', 'bad'), earlier];
    const { failures } = await awaitRollout(
      swarmOf(api({ State: 'rollback_completed' }), tasks),
      'shop',
      ['api'],
      {
        before: new Map([['api', api()]]),
        failedBefore,
        timeoutMs: 1000,
        signal: new AbortController().signal,
        onEvent: () => {},
      },
    );
    expect(failures.map(({ reason, task: one }) => [reason, one?.ID])).toEqual([['rolled-back', 'broken']]);
  });
});

describe('the rollout of a service on each node', () => {
  const global = api();
  global.Spec.Mode = { Global: {} };
  global.Spec.TaskTemplate.ContainerSpec.Healthcheck = { Test: ['CMD', 'true'] };
  const on = (NodeID: string, DesiredState: string, State: string): SwarmTask => {
    const { Slot: _, ...one } = task(NodeID, 1, State, 'good');
    return { ...one, NodeID, DesiredState, Spec: global.Spec.TaskTemplate };
  };
  const failuresOf = async (tasks: SwarmTask[]) => {
    const { failures } = await awaitRollout(swarmOf(global, tasks), 'shop', ['api'], {
      before: new Map(),
      timeoutMs: 0,
      signal: new AbortController().signal,
      onEvent: () => {},
    });
    return failures.map(({ reason }) => reason);
  };

  it('waits for all nodes but one that is down, whose task looks as it did last', async () => {
    const up = on('a', 'running', 'running');
    expect(await failuresOf([up, on('b', 'shutdown', 'running')])).toEqual([]);
    expect(await failuresOf([up, on('b', 'running', 'starting')])).toEqual(['timeout']);
  });
});
