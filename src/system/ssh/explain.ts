import { ExitCode, UserError } from '../../errors.js';
import { type SshAddress, sshCommand } from './address.js';

interface Cause {
  says: RegExp;
  code: string;
  why(address: SshAddress, said: RegExpExecArray): string;
  next(address: SshAddress): string;
}

const works = (address: SshAddress) => `${sshCommand(address)} true      (has to work first)`;

/** What OpenSSH (7.4 to 10) says where it does not get through. The first that fits is the cause. */
const CAUSES: readonly Cause[] = [
  {
    says: /REMOTE HOST IDENTIFICATION HAS CHANGED|host key for \S+ has changed/i,
    code: 'HOST_KEY_CHANGED',
    why: ({ host }) =>
      `${host} shows another host key than before: it was set up anew, or another machine answers in its place`,
    next: (address) =>
      `ask whoever runs ${address.host} for its key's fingerprint; where the new one is right: ssh-keygen -R ${knownName(address)}, then ${sshCommand(address)}`,
  },
  {
    says: /Host key verification failed|No \S+ host key is known/i,
    code: 'HOST_KEY_UNKNOWN',
    why: ({ host }) =>
      `this machine has not seen ${host} before, and nobody was there to confirm its host key`,
    next: (address) => `${sshCommand(address)} true      (shows the fingerprint and asks; once)`,
  },
  {
    says: /Could not resolve hostname [^:\n]*: ?(.*)/i,
    code: 'HOST_UNKNOWN',
    why: ({ host }, said) => `the name ${host} leads to no machine (${said[1]?.trim() || 'not found'})`,
    next: ({ host }) => `is it spelled right?  getent hosts ${host}; grep -A3 -i '^host' ~/.ssh/config`,
  },
  {
    says: /Permission denied \(([^)\n]*)\)|Too many authentication failures|no more authentication methods/i,
    code: 'HOST_LOGIN_REFUSED',
    why: ({ host, user }, said) =>
      `${host} does not let ${user ?? 'you'} in with a key${/password|keyboard/.test(said[1] ?? '') ? ', and nobody is there to type a password' : ''}`,
    next: (address) =>
      `ssh-copy-id ${address.port === undefined ? '' : `-p ${address.port} `}${address.user === undefined ? '' : `${address.user}@`}${address.host}      (or load the key: ssh-add), then: ${sshCommand(address)} true`,
  },
  {
    says: /Connection timed out|Operation timed out|No route to host|Network is unreachable|Host is down/i,
    code: 'HOST_UNREACHABLE',
    why: ({ host, port }, said) => `${host} does not answer on port ${port ?? 22}: ${said[0].toLowerCase()}`,
    next: (address) => `is it up, and no firewall or VPN in between?  ${sshCommand(address)} true`,
  },
  {
    says: /Connection refused/i,
    code: 'HOST_UNREACHABLE',
    why: ({ host, port }) => `${host} is there, and nothing listens on its port ${port ?? 22}`,
    next: ({ host }) => `is its sshd on another port?  --host ssh://user@${host}:2222`,
  },
  {
    says: /(?:Bad configuration option|Bad owner or permissions|terminating, \d+ bad configuration).*/i,
    code: 'SSH_CONFIG_INVALID',
    why: (_, said) => `ssh refuses its configuration: ${said[0]}`,
    next: works,
  },
];

/** Codes of all that keeps another machine from being reached. */
export const HOST_ERRORS = [
  ...new Set(CAUSES.map(({ code }) => code)),
  'SSH_MISSING',
  'HOST_WITHOUT_SHELL',
  'HOST_LOST',
  'FORWARDING_REFUSED',
];

/** @param stderr what ssh said as it ended with 255. */
export function explainSsh(address: SshAddress, stderr: string): UserError {
  const said = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  for (const { says, code, why, next } of CAUSES) {
    const match = says.exec(stderr);
    if (match) return hostError(code, why(address, match), next(address));
  }
  return hostError(
    'HOST_UNREACHABLE',
    `ssh to ${address.host} failed: ${said.at(-1) ?? 'it ended without a word'}`,
    works(address),
  );
}

/** Whoever is to be asked cannot be: exit code 3. */
export function hostError(
  code: string,
  message: string,
  hint: string,
  details?: Record<string, unknown>,
): UserError {
  return new UserError({
    code,
    message,
    hint,
    exitCode: ExitCode.engineUnavailable,
    ...(details ? { details } : {}),
  });
}

/** As `known_hosts` names it. */
function knownName({ host, port }: SshAddress): string {
  return port === undefined || port === 22 ? host : `'[${host}]:${port}'`;
}
