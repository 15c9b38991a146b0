import { type AccessClaims, REFRESH_TOKEN_DAYS } from '../auth/tokens.js';
import type { Database } from '../database/database.js';

/** Refresh tokens: each is good for one use, and all that descend from one login are a family. */
export class RefreshTokens {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The first token of a new family, good for as long as the credentials are that it was given for. */
  async start({ userId, credentialsChangedAt }: AccessClaims, tokenHash: Buffer): Promise<void> {
    await this.#database.query(
      {
        text: `INSERT INTO refresh_tokens (token_hash, family, user_id, expires_at, credentials_changed_at)
               VALUES ($1, gen_random_uuid(), $2, now() + make_interval(days => $3), $4)`,
      },
      [tokenHash, userId, REFRESH_TOKEN_DAYS, credentialsChangedAt],
    );
  }

  /**
   * Exchanges a token for its successor, in one statement. A token that was used before is in two hands: its
   * whole family is revoked.
   *
   * @returns what an access token may claim, or nothing if the token is unknown, used, revoked, expired or of an older
   *   password, or its user inactive.
   */
  async rotate(tokenHash: Buffer, successorHash: Buffer): Promise<AccessClaims | undefined> {
    const [row] = await this.#database.query<AccessClaims & Record<string, unknown>>(
      {
        text: `
          WITH used AS (
            UPDATE refresh_tokens SET used_at = now()
            WHERE token_hash = $1 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > now()
              AND EXISTS (SELECT FROM users WHERE users.id = user_id AND active
                AND (extract(epoch FROM users.credentials_changed_at) * 1000000)::bigint
                  = refresh_tokens.credentials_changed_at)
            RETURNING family, user_id, credentials_changed_at
          )
          INSERT INTO refresh_tokens (token_hash, family, user_id, expires_at, credentials_changed_at)
          SELECT $2, family, user_id, now() + make_interval(days => $3), credentials_changed_at FROM used
          RETURNING user_id AS "userId", credentials_changed_at AS "credentialsChangedAt"`,
      },
      [tokenHash, successorHash, REFRESH_TOKEN_DAYS],
    );
    if (row) return row;
    await this.#database.query(
      {
        text: `UPDATE refresh_tokens SET revoked_at = now()
               WHERE revoked_at IS NULL
                 AND family = (SELECT family FROM refresh_tokens WHERE token_hash = $1 AND used_at IS NOT NULL)`,
      },
      [tokenHash],
    );
    return undefined;
  }

  /** Revokes the family of one of the user's own tokens; a token of anybody else's is left alone. */
  async revoke(userId: number, tokenHash: Buffer): Promise<boolean> {
    const rows = await this.#database.query(
      {
        text: `UPDATE refresh_tokens SET revoked_at = coalesce(revoked_at, now())
               WHERE family = (SELECT family FROM refresh_tokens WHERE token_hash = $1 AND user_id = $2)
               RETURNING family`,
      },
      [tokenHash, userId],
    );
    return rows.length > 0;
  }
}
