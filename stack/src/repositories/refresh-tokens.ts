import { REFRESH_TOKEN_DAYS } from '../auth/tokens.js';
import type { Database } from '../database/database.js';

/** Refresh tokens: each is good for one use, and all that descend from one login are a family. */
export class RefreshTokens {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The first token of a new family. */
  async start(userId: number, tokenHash: Buffer): Promise<void> {
    await this.#database.query(
      {
        text: `INSERT INTO refresh_tokens (token_hash, family, user_id, expires_at)
               VALUES ($1, gen_random_uuid(), $2, now() + make_interval(days => $3))`,
      },
      [tokenHash, userId, REFRESH_TOKEN_DAYS],
    );
  }

  /**
   * Exchanges a token for its successor, in one statement. A token that was used before is in two hands: its
   * whole family is revoked.
   *
   * @returns the user, or nothing if the token is unknown, used, revoked or expired, or its user inactive.
   */
  async rotate(tokenHash: Buffer, successorHash: Buffer): Promise<number | undefined> {
    const [row] = await this.#database.query<{ user_id: number }>(
      {
        text: `
          WITH used AS (
            UPDATE refresh_tokens SET used_at = now()
            WHERE token_hash = $1 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > now()
              AND EXISTS (SELECT FROM users WHERE users.id = user_id AND active)
            RETURNING family, user_id
          )
          INSERT INTO refresh_tokens (token_hash, family, user_id, expires_at)
          SELECT $2, family, user_id, now() + make_interval(days => $3) FROM used
          RETURNING user_id`,
      },
      [tokenHash, successorHash, REFRESH_TOKEN_DAYS],
    );
    if (row) return row.user_id;
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
