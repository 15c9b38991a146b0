import { z } from 'zod';
import { passwordFlaw } from '../../auth/password-rules.js';
import { id, typed } from '../../fields.js';
import { invalid } from '../../problem.js';
import { ROLES } from '../../repositories/users.js';

const username = typed(64).min(1);
const token = z.string().min(1).max(1000);

/** Long passwords cost argon2 nothing extra to speak of, but they have to end somewhere. */
const password = typed(256).min(1);

/** A password that somebody chooses now. */
export const newPassword = typed(256)
  .min(12)
  .meta({ description: 'Not spaces, a few characters again and again, nor the user name and little more.' });

/** @throws {Problem} 422 for a password that anybody would try first. */
export function refuseFlaw(password: string, username: string, pointer: string): void {
  const message = passwordFlaw(password, username);
  if (message !== undefined) throw invalid([{ pointer, code: 'weak_password', message }]);
}

export const Credentials = z
  .strictObject({ username, password })
  .meta({ id: 'Credentials', examples: [{ username: 'admin', password: 'the password that you chose' }] });

export const PasswordChange = z
  .strictObject({ current_password: password, new_password: newPassword })
  .meta({ id: 'PasswordChange' });

export const RefreshRequest = z.strictObject({ refresh_token: token }).meta({ id: 'RefreshRequest' });

export const TokenPair = z
  .object({
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.int().meta({ description: 'Life of the access token in seconds.' }),
    refresh_token: z.string().meta({ description: 'Good for one use.' }),
  })
  .meta({ id: 'TokenPair' });

export const Me = z.object({ id, username: z.string(), role: z.enum(ROLES) }).meta({ id: 'Me' });
