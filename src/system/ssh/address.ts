import { usageError } from '../../errors.js';

/** A machine that `ssh` reaches, in the form of a URL as the docker client takes it. */
export interface SshAddress {
  user?: string;
  /** A name of DNS or of `~/.ssh/config`, or an IP address without brackets. */
  host: string;
  port?: number;
  /** The engine's socket there, where the URL names one: `ssh://host/run/user/1000/docker.sock`. */
  socketPath?: string;
  /** The whole, as a person types it. */
  url: string;
}

/** No option of ssh begins like this, and no shell sees anything special in it. */
const HOST = /^(?:[a-z0-9_][\w.-]*|\[[0-9a-f:.]+(?:%\w+)?\])$/i;
const USER = /^[\w.][\w.@+-]*$/;

/**
 * @param from what the text came from, for the message
 * @throws UserError USAGE for what is no `ssh://[user@]host[:port][/socket]`
 */
export function parseSshAddress(text: string, from: string): SshAddress {
  const match = /^ssh:\/\/(?:([^@/]+(?:@[^@/]+)?)@)?(\[[^\]]*\]|[^/:@]+)(?::(\d+))?(\/.*)?$/i.exec(text);
  const [, user, host = '', portText, path] = match ?? [];
  const port = portText === undefined ? undefined : Number(portText);
  if (user?.includes(':')) {
    throw usageError(
      `${from}: a password does not belong into an address`,
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

/** What goes to `ssh` behind its options: nothing in it can be taken for an option. */
export function destination({ user, host, port }: SshAddress): string[] {
  return [
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    '--',
    host,
  ];
}

/** `ssh deploy@shop.example`, as a person types it. */
export function sshCommand({ user, host, port }: SshAddress): string {
  return `ssh ${port === undefined ? '' : `-p ${port} `}${user === undefined ? '' : `${user}@`}${host}`;
}

/** The address as a name of a folder; two addresses have two. */
export function folderName({ url }: SshAddress): string {
  return url
    .slice('ssh://'.length)
    .replaceAll('[', '')
    .replaceAll(']', '')
    .replaceAll(/[:%]/g, '-')
    .replaceAll('/', '+');
}
