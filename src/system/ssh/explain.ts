import { CommandError, ExitCode, UserError } from '../../errors.js';
import type { RunResult } from '../process.js';
import { type SshAddress, sshCommand } from './address.js';

interface Cause {
  says: RegExp;
  code: string;
  why(address: SshAddress, said: RegExpExecArray): string;
  next(address: SshAddress): string;
}

const works = (address: SshAddress) => `${sshCommand(address)} true      (has to work first)`;

/** Messages of OpenSSH (7.4 to 10) about a failed connection. The first match is the cause. */
const CAUSES: readonly Cause[] = [
  {
    says: /REMOTE HOST IDENTIFICATION HAS CHANGED|host key for \S+ has changed/i,
    code: 'HOST_KEY_CHANGED',
    why: ({ host }) =>
      `${host} shows another host key than before: it was set up again, or another machine answers in its place`,
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

/** Codes of all errors that mean that another machine cannot be reached. */
export const HOST_ERRORS = [
  ...new Set(CAUSES.map(({ code }) => code)),
  'SSH_MISSING',
  'HOST_WITHOUT_SHELL',
  'HOST_LOST',
  'FORWARDING_REFUSED',
];

/** @param stderr ssh's messages when it ended with 255. */
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

/**
 * Explains why ssh did not start, or did not finish the login.
 * @param patienceMs time limit of the login in milliseconds
 * @returns the error itself if neither is the cause
 */
export function explainStart(address: SshAddress, error: unknown, patienceMs: number): unknown {
  if (!(error instanceof UserError)) return error;
  if (error.code === 'PROGRAM_NOT_FOUND') {
    return hostError(
      'SSH_MISSING',
      'the program `ssh` is not installed',
      'sudo apt-get install openssh-client',
    );
  }
  if (error.code !== 'TIMEOUT') return error;
  return hostError(
    'HOST_UNREACHABLE',
    `${address.host} did not finish the login within ${patienceMs / 1000} s`,
    `${sshCommand(address)} true      (has to work first)`,
  );
}

/** Explains why one of our scripts failed on the host. */
export function explainScript(address: SshAddress, { status, signal, stderr }: RunResult): UserError {
  const full = /^.*(?:No space left on device|Disk quota exceeded).*$/im.exec(stderr);
  const ssh = sshCommand(address);
  if (full)
    return hostError(
      'HOST_DISK_FULL',
      `the disk of ${address.host} is full: ${full[0].trim()}`,
      `${ssh} df -h      (make room, then run the same command again)`,
    );
  const last = stderr.trim().split('\n').at(-1) || `a command ended with status ${status}`;
  return new CommandError({
    code: 'HOST_COMMAND_FAILED',
    message: `${address.host}: ${last}`,
    hint: `${ssh} ls -ld . .invctl      (may it write there?)`,
    exitCode: ExitCode.engineUnavailable,
    argv: ['ssh', address.host],
    status,
    signal,
    stderrTail: stderr.trim(),
  });
}

/** @param cause the error with which the connection was lost */
export function hostLost(address: SshAddress, cause?: UserError): UserError {
  return new UserError({
    code: 'HOST_LOST',
    message: `the connection to ${address.host} was lost${cause ? `, in the middle of this:\n${cause.message}` : ''}`,
    hint: `${sshCommand(address)} true      (when that works: the same command again)`,
    exitCode: ExitCode.engineUnavailable,
    ...(cause ? { cause } : {}),
  });
}

export function engineSilent(address: SshAddress): UserError {
  return hostError(
    'ENGINE_UNREACHABLE',
    `the Docker engine of ${address.host} does not answer`,
    `${sshCommand(address)} "docker version; systemctl status docker"`,
  );
}

/** Makes an error for a host that cannot be used, with exit code 3. */
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

/** Returns the host's name in the form of `known_hosts`. */
function knownName({ host, port }: SshAddress): string {
  return port === undefined || port === 22 ? host : `'[${host}]:${port}'`;
}
