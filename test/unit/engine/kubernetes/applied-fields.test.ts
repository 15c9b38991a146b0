import { describe, expect, it } from 'vitest';
import { appliedFields } from '../../../../src/engine/kubernetes/applied-fields.js';
import type { KubeObject } from '../../../../src/engine/kubernetes/objects.js';

/** As API servers of 1.20 to 1.34 record it: the manager's own, an autoscaler's, and a controller's. */
const FIELDS = {
  'f:metadata': { 'f:labels': { 'f:app': {} } },
  'f:spec': {
    'f:template': {
      'f:spec': {
        'f:containers': {
          'k:{"name":"api"}': {
            '.': {},
            'f:args': {},
            'f:name': {},
            'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
          },
        },
        'f:volumes': {
          'k:{"name":"word"}': { '.': {}, 'f:name': {}, 'f:secret': { 'f:secretName': {} } },
          'k:{"name":"tmp"}': { '.': {}, 'f:name': {}, 'f:emptyDir': { '.': {} } },
        },
      },
    },
  },
};

const live = (managedFields: object[]): KubeObject =>
  ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'api',
      namespace: 'shop',
      uid: 'u',
      labels: { app: 'api', theirs: 'x' },
      finalizers: ['a', 'b'],
      managedFields,
    },
    spec: {
      replicas: 7,
      template: {
        spec: {
          dnsPolicy: 'ClusterFirst',
          containers: [
            { name: 'sidecar', image: 'mesh' },
            {
              name: 'api',
              image: 'set-by-somebody',
              args: ['a', 'a'],
              ports: [
                { containerPort: 80, protocol: 'UDP' },
                { containerPort: 80, protocol: 'TCP', name: 'web' },
              ],
            },
          ],
          volumes: [
            { name: 'theirs', secret: { secretName: 'mesh' } },
            { name: 'word', secret: { secretName: 'word-v1', defaultMode: 292 } },
            { name: 'tmp', emptyDir: { sizeLimit: '1Mi' } },
          ],
        },
      },
    },
    status: { readyReplicas: 7 },
  }) as unknown as KubeObject;

describe('what a manager has applied of an object', () => {
  it('has its fields with their present values, and none of somebody else', () => {
    const managed = [
      { manager: 'hpa', operation: 'Update', fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
      { manager: 'invctl', operation: 'Update', fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
      {
        manager: 'invctl',
        operation: 'Apply',
        subresource: 'status',
        fieldsV1: { 'f:status': { 'f:readyReplicas': {} } },
      },
      { manager: 'invctl', operation: 'Apply', fieldsV1: FIELDS },
    ];
    expect(appliedFields(live(managed), 'invctl')).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'api', namespace: 'shop', labels: { app: 'api' } },
      spec: {
        template: {
          spec: {
            containers: [{ name: 'api', args: ['a', 'a'], ports: [{ containerPort: 80, protocol: 'TCP' }] }],
            volumes: [
              { name: 'word', secret: { secretName: 'word-v1' } },
              { name: 'tmp', emptyDir: {} },
            ],
          },
        },
      },
    });
  });

  it('keeps the values of a set', () => {
    const fields = { 'f:metadata': { 'f:finalizers': { 'v:"b"': {} } } };
    const managed = [{ manager: 'invctl', operation: 'Apply', fieldsV1: fields }];
    expect(appliedFields(live(managed), 'invctl')?.metadata).toEqual({
      name: 'api',
      namespace: 'shop',
      finalizers: ['b'],
    });
  });

  it('is nothing where it has applied none, or the server does not tell', () => {
    const other = [{ manager: 'kubectl', operation: 'Apply', fieldsV1: FIELDS }];
    expect(appliedFields(live(other), 'invctl')).toBeUndefined();
    const { managedFields: _, ...metadata } = live([]).metadata;
    expect(appliedFields({ ...live([]), metadata }, 'invctl')).toBeUndefined();
  });
});
