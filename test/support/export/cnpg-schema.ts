/**
 * The part of CloudNativePG's CustomResourceDefinition that an export writes to: the types, limits and required keys of
 * config/crd/bases/postgresql.cnpg.io_clusters.yaml in github.com/cloudnative-pg/cloudnative-pg (commit 00547d2b). The API server refuses
 * every other field, as it does with the whole definition.
 */
export const CNPG_CRD = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'clusters.postgresql.cnpg.io' },
  spec: {
    group: 'postgresql.cnpg.io',
    scope: 'Namespaced',
    names: { kind: 'Cluster', listKind: 'ClusterList', plural: 'clusters', singular: 'cluster' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: object({
            spec: object({
              instances: { type: 'integer', minimum: 1, default: 1 },
              imageName: { type: 'string' },
              enableSuperuserAccess: { type: 'boolean', default: false },
              superuserSecret: reference(),
              storage: object({
                size: { type: 'string' },
                storageClass: { type: 'string' },
                resizeInUseVolumes: { type: 'boolean', default: true },
              }),
              bootstrap: object({
                initdb: object({
                  database: { type: 'string' },
                  owner: { type: 'string' },
                  secret: reference(),
                }),
              }),
            }),
          }),
        },
      },
    ],
  },
};

function object(properties: Record<string, object>) {
  return { type: 'object', properties };
}

function reference() {
  return { ...object({ name: { type: 'string' } }), required: ['name'] };
}
