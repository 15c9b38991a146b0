import { UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';

/** Of a database on another machine nothing is known here: that machine may have its protection. */
export function notProtected({ host }: ProjectLocation): UserError {
  if (host?.remote) return protectedThere(host.remote.address.host);
  return new UserError({
    code: 'NOT_PROTECTED',
    message: 'the protection is off: only a backup can be brought back',
    hint: 'invctl db protect on      (or: invctl db list)',
  });
}

export function protectedThere(host: string): UserError {
  return new UserError({
    code: 'PROTECTION_NOT_HERE',
    message: `what protects every second is a folder of the machine that the database is on, and that is ${host}`,
    hint: `run invctl on ${host} itself; from here: invctl db backup, and invctl db schedule`,
  });
}
