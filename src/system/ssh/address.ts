import { usageError } from '../../errors.js';

/** A machine that `ssh` can reach, as a URL in the docker client's form. */
export interface SshAddress {
  user?: string;
  /** A name of DNS or of `~/.ssh/config`, or an IP address without brackets. */
  host: string;
  port?: number;
  /** The engine's socket there, if the URL names one: `ssh://host/run/user/1000/docker.sock`. */
  socketPath?: string;
  /** The whole URL, as a user types it. */
  url: string;
}

/** Matches hosts that cannot be an option of ssh and have no character that is special to a shell. */
const HOST = /^(?:[a-z0-9_][\w.-]*|\[[0-9a-f:.]+(?:%\w+)?\])$/i;
const USER = /^[\w.][\w.@+-]*$/;

/**
 * @param from the source of the text, for the message
 * @throws UserError USAGE for a text that is not `ssh://[user@]host[:port][/socket]`
 */
export function parseSshAddress(text: string, from: string): SshAddress {
  const match = /^ssh:\/\/(?:([^@/]+(?:@[^@/]+)?)@)?(\[[^\]]*\]|[^/:@]+)(?::(\d+))?(\/.*)?$/i.exec(text);
  const [, user, host = '', portText, path] = match ?? [];
  const port = portText === undefined ? undefined : Number(portText);
  if (user?.includes(':')) {
    throw usageError(
      `${from}: a password does not belong in an address`,
      `${from} ssh://${user.split(':')[0]}@${host}      (and a key: ssh-copy-id)`,
    );
  }
  if (
    !match ||
    !HOST.test(host) ||
    (user !== undefined && !USER.test(user)) ||
    (port !== undefined && (port < 1 || port > 65_535))
  ) {
    const bare = /^[\w.+-]+@[\w.-]+$/.test(text) ? text : 'deploy@shop.example';
    throw usageError(
      `${from}: "${text}" is not an address of the form ssh://user@host[:port]`,
      `${from} ssh://${bare}`,
    );
  }
  const socketPath = path === undefined || path === '/' ? undefined : path;
  return {
    ...(user === undefined ? {} : { user }),
    host: host.replace(/^\[|\]$/g, ''),
    ...(port === undefined ? {} : { port }),
    ...(socketPath === undefined ? {} : { socketPath }),
    url: `ssh://${user === undefined ? '' : `${user}@`}${host}${port === undefined ? '' : `:${port}`}${socketPath ?? ''}`,
  };
}

/** Returns the arguments for `ssh` after its options; none of them can be taken for an option. */
export function destination({ user, host, port }: SshAddress): string[] {
  return [
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    '--',
    host,
  ];
}

/** Returns `ssh deploy@shop.example`, as a user types it. */
export function sshCommand({ user, host, port }: SshAddress): string {
  return `ssh ${port === undefined ? '' : `-p ${port} `}${user === undefined ? '' : `${user}@`}${host}`;
}

/** Returns the address as a folder's name; different addresses have different names. */
export function folderName({ url }: SshAddress): string {
  return url
    .slice('ssh://'.length)
    .replaceAll('[', '')
    .replaceAll(']', '')
    .replaceAll(/[:%]/g, '-')
    .replaceAll('/', '+');
}
