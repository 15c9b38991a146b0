import { describe, expect, it } from 'vitest';
import { firstLogin } from '../../../src/doctor/admin-password.js';
import type { ComposeProject } from '../../../src/project/model.js';

function project(
  environment: Record<string, string | null>,
  { file = '/srv/shop/secrets/admin_password.txt' as string | undefined, granted = true } = {},
): ComposeProject {
  const secrets = granted ? [{ source: 'admin_password', target: '/run/secrets/admin_password' }] : [];
  return {
    services: {
      db: { name: 'db', environment: {}, secrets: [] },
      api: { name: 'api', environment, secrets },
    },
    secrets: { admin_password: { ...(file && { file }), external: false } },
  } as unknown as ComposeProject;
}

describe('who logs in first', () => {
  it('is the admin of the service that gets the password, by the name that it is given', () => {
    const passwordFile = '/srv/shop/secrets/admin_password.txt';
    expect(firstLogin(project({}))).toEqual({ service: 'api', user: 'admin', passwordFile });
    expect(firstLogin(project({ ADMIN_USERNAME: 'jane' }))?.user).toBe('jane');
  });

  it('is nobody where the password is no file, or no service gets it', () => {
    expect(firstLogin(project({}, { file: '' }))).toBeUndefined();
    expect(firstLogin(project({}, { granted: false }))).toBeUndefined();
  });
});
