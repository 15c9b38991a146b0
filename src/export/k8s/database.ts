import { postgresImage } from '../../postgres/image.js';
import { mapAt, type TreeMap } from '../../project/tree.js';
import { metadata, objectName } from './objects.js';
import type { ExportParts } from './part.js';
import { sizeOf } from './storage.js';

/**
 * Writes the database as an empty Cluster of CloudNativePG, whose own import needs a live server and cannot
 * read an archive. The database's service name leads to its primary.
 */
export function cloudNativePg(parts: ExportParts, serviceName: string, namespace: string): void {
  const { source, objects, losses } = parts;
  const service = source.project.services[serviceName];
  if (!service) return;
  const tree = mapAt(source.loaded.tree, 'services', serviceName) as TreeMap;
  const user = service.environment.POSTGRES_USER || 'postgres';
  const database = service.environment.POSTGRES_DB || user;
  const name = objectName(serviceName);
  const cluster = `${name}-cluster`;
  const volume = service.mounts.find(({ type }) => type === 'volume')?.source;
  const isSuperuser = user === 'postgres';
  const major = postgresImage(service.image)?.major;
  objects.push({
    apiVersion: 'postgresql.cnpg.io/v1',
    kind: 'Cluster',
    metadata: metadata(cluster, source.project.name, serviceName),
    spec: {
      instances: 2,
      ...(major === undefined ? {} : { imageName: `ghcr.io/cloudnative-pg/postgresql:${major}` }),
      storage: { size: sizeOf(source, volume ?? '') },
      ...(isSuperuser ? { enableSuperuserAccess: true, superuserSecret: { name: `${name}-login` } } : {}),
      bootstrap: {
        initdb: isSuperuser
          ? { database, owner: `${objectName(database)}-owner` }
          : { database, owner: user, secret: { name: `${name}-login` } },
      },
    },
  });
  parts.variables.push({ service: serviceName, name: 'username', asked: `${name}-login` });
  parts.variables.push({ service: serviceName, name: 'password', asked: `${name}-login` });
  alias(parts, serviceName, `${cluster}-rw.${namespace}.svc.cluster.local`);
  const message = `CloudNativePG runs it: the cluster ${cluster} is empty until a backup is restored into it`;
  losses.changed(`services.${serviceName}`, tree, message);
}

/** For a database outside of the cluster: its name leads to a host that the overlay sets. */
export function externalDatabase(parts: ExportParts, serviceName: string): void {
  const tree = mapAt(parts.source.loaded.tree, 'services', serviceName) as TreeMap;
  alias(parts, serviceName, 'database.example.com');
  const message =
    'it is outside of the cluster: write its host into the overlay, and have its clients demand TLS';
  parts.losses.changed(`services.${serviceName}`, tree, message);
}

function alias({ source, objects }: ExportParts, serviceName: string, externalName: string): void {
  objects.push({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(objectName(serviceName), source.project.name, serviceName),
    spec: { type: 'ExternalName', externalName },
  });
}
