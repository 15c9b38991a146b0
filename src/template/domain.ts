import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { usageError } from '../errors.js';

/** Names that no public authority signs: RFC 6761, RFC 6762, RFC 8375 and ICANN's `internal`. */
const LOCAL = /(?:^|\.)(?:localhost|local|test|internal|home\.arpa)$/;
const NAME = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** Seconds for which browsers require HTTPS: a year for a public name, a short time for a local one. */
const HSTS_SECONDS = { public: 31_536_000, local: 300 };
/**
 * What is left of a certificate when an alert says that it was not renewed. Caddy renews with a third left: of the 90
 * days of Let's Encrypt, the 45 that it is going over to, and the 12 hours of Caddy's own authority
 * (https://caddyserver.com/docs/automatic-https, https://letsencrypt.org/2025/12/02/from-90-to-45).
 */
const CERTIFICATE = {
  public: {
    seconds: 7 * 24 * 3600,
    life: 'Caddy renews 30 days before the end of 90, or 15 before the end of 45. This is 7 days.',
  },
  local: {
    seconds: 2 * 3600,
    life: "Caddy renews its own authority's, which live 12 hours, 4 hours before the end. This is 2 hours.",
  },
};

/**
 * Returns a domain as in certificates: lower-case, in ASCII.
 * @throws UserError USAGE (exit 2), with the nearest valid name
 */
export function parseDomain(typed: string): string {
  const host = typed
    .trim()
    .replace(/^[a-z][a-z0-9+.-]*:\/\//i, '')
    .replace(/[/?#].*$/s, '')
    .replace(/:\d*$/, '')
    .replace(/\.$/, '');
  const name = domainToASCII(host);
  // The conversion to ASCII removes line ends and tabs, as browsers do.
  const isName = NAME.test(name) && isIP(name) === 0 && !/\s/.test(host);
  if (isName && host === typed) return name;
  const why =
    isName && host !== typed
      ? 'a name alone, without scheme, port or path'
      : isIP(host.replace(/^\[|\]$/g, '')) > 0
        ? 'an address is not a name, and gets no certificate'
        : 'a name such as shop.example.com; for this machine alone, shop.localhost';
  throw usageError(
    `--domain "${typed}" is not accepted: ${why}`,
    `--domain ${isName ? name : 'shop.example.com'}`,
  );
}

/** Values for the placeholders of the proxy's files. */
export function domainVariables(project: string, domain: string): Record<string, string> {
  const isLocal = LOCAL.test(domain);
  const certificate = isLocal ? CERTIFICATE.local : CERTIFICATE.public;
  // One of the private networks that Docker's default pools do not use, a different one for each project of
  // this machine.
  const [a = 0, b = 0, c = 0] = createHash('sha256').update(project).digest();
  const network = `10.${200 + (a % 50)}.${b}`;
  const first = c & 0b1111_0000;
  return {
    domain,
    tls: isLocal ? "\t# Nobody else signs such a name: Caddy's own authority does.\n\ttls internal\n" : '',
    hstsSeconds: `${isLocal ? HSTS_SECONDS.local : HSTS_SECONDS.public}`,
    certificateSeconds: `${certificate.seconds}`,
    certificateLife: certificate.life,
    edgeSubnet: `${network}.${first}/28`,
    // Automatically assigned addresses are in the first half, so they cannot take the proxy's.
    edgeRange: `${network}.${first}/29`,
    edgeProxy: `${network}.${first + 10}`,
  };
}
