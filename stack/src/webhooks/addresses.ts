import { lookup as resolve } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** A range of addresses: `10.0.0.0/8`, or one address. */
export type Network = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

/** @throws for what is neither an address nor a CIDR range. */
export function parseNetwork(text: string): Network {
  if (text.includes('/')) return ipaddr.parseCIDR(text);
  const address = ipaddr.process(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

/** An address that a webhook may not lead to. */
export class RefusedAddressError extends Error {
  override readonly name = 'RefusedAddressError';
}

/** Where webhooks may lead: public addresses, and private ones that the settings allow. */
export class Destinations {
  readonly #allowed: readonly Network[];

  constructor(allowed: readonly Network[]) {
    this.#allowed = allowed;
  }

  /**
   * Whether a URL may be asked at all, by what it says itself: over https, or over http where its host may be private. A
   * host's addresses are judged when it is connected to, since they may change.
   *
   * @throws {RefusedAddressError}
   */
  check(url: URL): void {
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    if (isIP(host)) this.#judge(host, url.protocol);
    else if (url.protocol === 'http:' && this.#allowed.length === 0) throw insecure();
  }

  /** Resolves a host for a connection, to addresses that are allowed alone. */
  lookup(url: URL): LookupFunction {
    return (hostname, options, done) => {
      resolve(hostname, { ...options, all: true }, (error, addresses) => {
        if (error) return done(error, []);
        try {
          // All of them: one that is left out would be the next to try.
          for (const { address } of addresses) this.#judge(address, url.protocol);
        } catch (refusal) {
          return done(refusal as Error, []);
        }
        const [first] = addresses;
        if (options.all || !first) done(null, addresses);
        else done(null, first.address, first.family);
      });
    };
  }

  #judge(text: string, protocol: string): void {
    // An IPv4 address in IPv6's clothes is what it is inside.
    const address = ipaddr.process(text.replace(/%.*$/, ''));
    const allowed = this.#allowed.some(
      ([network, bits]) => network.kind() === address.kind() && address.match([network, bits] as never),
    );
    if (allowed) return;
    // Everything else is private, local, reserved, or a tunnel to what may be any of that.
    if (address.range() !== 'unicast') {
      throw new RefusedAddressError(
        'the address is not a public one: the setting WEBHOOK_ALLOWED_NETWORKS allows private ones',
      );
    }
    if (protocol === 'http:') throw insecure();
  }
}

function insecure(): RefusedAddressError {
  return new RefusedAddressError(
    'http is for the networks of WEBHOOK_ALLOWED_NETWORKS alone: use https, or set it',
  );
}
