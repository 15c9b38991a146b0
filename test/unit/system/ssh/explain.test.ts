import { expect, it } from 'vitest';
import { explainSsh } from '../../../../src/system/ssh/explain.js';

const address = { user: 'me', host: 'shop', port: 2222, url: 'ssh://me@shop:2222' };

it.each([
  ['ssh: Could not resolve hostname shop: Name or service not known', 'HOST_UNKNOWN', 'getent hosts shop'],
  ['ssh: connect to host shop port 2222: Connection refused', 'HOST_UNREACHABLE', '--host ssh://'],
  ['ssh: connect to host shop port 2222: Connection timed out', 'HOST_UNREACHABLE', 'firewall'],
  ['ssh: connect to host shop port 2222: No route to host', 'HOST_UNREACHABLE', 'firewall'],
  [
    'kex_exchange_identification: Connection closed by remote host',
    'HOST_UNREACHABLE',
    'ssh -p 2222 me@shop true',
  ],
  ['Host key verification failed.', 'HOST_KEY_UNKNOWN', 'ssh -p 2222 me@shop true'],
  [
    '@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.',
    'HOST_KEY_CHANGED',
    "ssh-keygen -R '[shop]:2222'",
  ],
  ['me@shop: Permission denied (publickey,password).', 'HOST_LOGIN_REFUSED', 'ssh-copy-id -p 2222 me@shop'],
  [
    '/root/.ssh/config: line 3: Bad configuration option: hots',
    'SSH_CONFIG_INVALID',
    'ssh -p 2222 me@shop true',
  ],
  ['', 'HOST_UNREACHABLE', 'ssh -p 2222 me@shop true'],
])('%j is %s', (said, code, hint) => {
  const error = explainSsh(address, `Warning: something else\n${said}\n`);
  expect(error).toMatchObject({ code, exitCode: 3, hint: expect.stringContaining(hint) });
});

it('says that nobody is there for a password only where one would do', () => {
  const denied = (methods: string) => explainSsh(address, `me@shop: Permission denied (${methods}).`).message;
  expect(denied('publickey,password')).toContain('type a password');
  expect(denied('publickey')).not.toContain('password');
});
