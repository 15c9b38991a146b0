import { createHash } from 'node:crypto';

export type Json = Record<string, unknown>;

/** A Kubernetes object in the form in which it is written. */
export interface K8sObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  [field: string]: unknown;
}

/**
 * Derives a name that Kubernetes accepts for any object from a name of Compose: lower case letters, digits
 * and dashes, a letter first, at most 63 characters (RFC 1035, which Services need).
 */
export function objectName(text: string): string {
  const plain = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  const name = /^[a-z]/.test(plain) ? plain : `x-${plain}`.replace(/-+$/, '');
  if (name.length <= 63) return name;
  return `${name.slice(0, 54).replace(/-+$/, '')}-${digest(text)}`;
}

/**
 * Digest of the content for an object's name: with other content it is another object, and its users are
 * rolled out again.
 */
export function digest(content: string): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 8);
}

const MANAGED_BY = { 'app.kubernetes.io/managed-by': 'invctl' };

/** Labels by which the objects of a service find each other; they never change, because selectors cannot. */
export function selector(project: string, service: string): Record<string, string> {
  return {
    'app.kubernetes.io/name': objectName(project),
    'app.kubernetes.io/component': objectName(service),
  };
}

export function metadata(name: string, project: string, service?: string): K8sObject['metadata'] {
  const labels =
    service === undefined ? { 'app.kubernetes.io/name': objectName(project) } : selector(project, service);
  return { name, labels: { ...labels, ...MANAGED_BY } };
}

/** Returns the fields that have a value, without empty lists and mappings. */
export function filled(fields: Json): Json {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) =>
        value !== undefined &&
        !(Array.isArray(value) && value.length === 0) &&
        !(typeof value === 'object' && value !== null && Object.keys(value).length === 0),
    ),
  );
}

/** As {@link filled}, but keeps an empty mapping, which may have a meaning (`emptyDir: {}`). */
export function given(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
