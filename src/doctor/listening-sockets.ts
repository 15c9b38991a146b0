export interface ListeningSocket {
  port: number;
  /** Bound to 127.0.0.0/8 or ::1. */
  loopback: boolean;
}

const LISTEN = '0A';

/** Reads /proc/net/tcp and tcp6 (proc_net_tcp(5)): addresses are hexadecimal in host byte order, states in hex. */
export function parseListeningSockets(text: string): ListeningSocket[] {
  return text.split('\n').flatMap((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/);
    const [address = '', port = ''] = local.split(':');
    if (state !== LISTEN || !/^[0-9A-F]{4}$/.test(port)) return [];
    // 127.0.0.11 is Docker's own name server, which listens in every container of a user-defined network.
    if (address === '0B00007F') return [];
    const loopback =
      address.length === 8
        ? address.endsWith('7F')
        : address === '00000000000000000000000001000000' || /^0{16}FFFF0000[0-9A-F]{6}7F$/.test(address);
    return [{ port: Number.parseInt(port, 16), loopback }];
  });
}
