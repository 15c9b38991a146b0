import type { Facts } from './facts.js';
import { placeOf } from './reading.js';

/**
 * Checks that explain why a service does not run: while one of them fails, `app.exited` and the like are
 * muted.
 */
export const APP_CAUSES = [
  'compose.parse',
  'env.missing',
  'env.syntax',
  'env.required',
  'env.bare-shadow',
  'env.unlisted',
  'env.placeholder',
  'env.invisible',
  'env.dollar',
  'secret.missing',
  'secret.directory',
  'secret.empty',
  'secret.bytes',
  'secret.unlisted',
  'secret.app-path',
  'secret.unreadable',
  'db.localhost',
  'db.port',
  'db.network',
  'db.role-missing',
  'db.database-missing',
  'db.password-drift',
  'db.init-failed',
  'db.unhealthy',
  'db.no-healthcheck',
  'db.uninitialised',
  'db.both-set',
  'db.major',
  'db.pg18-path',
  'vol.path',
  'vol.permission',
  'vol.selinux',
  'disk.full',
  'port.in-use',
  'port.container',
  'hc.command',
  'app.crlf',
] as const;

export function placeOfService(facts: Facts, service: string): { file?: string; line?: number } {
  return placeOf(facts.reading, 'services', service) ?? {};
}
