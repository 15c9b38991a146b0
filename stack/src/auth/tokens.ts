import { createHash, randomBytes } from 'node:crypto';
import { createSigner, createVerifier } from 'fast-jwt';

export const ACCESS_TOKEN_SECONDS = 30 * 60;
export const REFRESH_TOKEN_DAYS = 30;
const ISSUER = 'inventory-api';

export interface AccessClaims {
  readonly userId: number;
  /** Seconds since 1970. */
  readonly issuedAt: number;
}

/** Signs and checks access tokens: JWT, HS256 and nothing else. */
export interface AccessTokens {
  sign(userId: number): string;
  /** @returns nothing for a token that is forged, expired, of another algorithm or not ours. */
  verify(token: string): AccessClaims | undefined;
}

export function accessTokens(key: string): AccessTokens {
  const sign = createSigner({ key, algorithm: 'HS256', iss: ISSUER, expiresIn: ACCESS_TOKEN_SECONDS * 1000 });
  const verify = createVerifier({
    key,
    algorithms: ['HS256'],
    allowedIss: ISSUER,
    allowedSub: /^[1-9]\d{0,14}$/,
    requiredClaims: ['sub', 'iat', 'exp'],
    cache: 1000,
  });
  return {
    sign: (userId) => sign({ sub: String(userId) }),
    verify(token) {
      try {
        const claims: { sub: string; iat: number } = verify(token);
        return { userId: Number(claims.sub), issuedAt: claims.iat };
      } catch {
        return undefined;
      }
    },
  };
}

/** A refresh token: 256 random bits that say nothing. */
export function newRefreshToken(): string {
  return randomBytes(32).toString('base64url');
}

/** What is stored of a refresh token. A plain hash is enough for a value that nobody can guess. */
export function refreshTokenHash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
