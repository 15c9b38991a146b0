import type { Facts } from './facts.js';

/** The secret of a scaffold that its API reads once, when it creates the first admin. */
const ADMIN_PASSWORD = 'admin_password';

/** Whether another file alone changes no password once the API has been up: the database has the password's hash. */
export function isReadOnce({ scaffold }: Pick<Facts, 'scaffold'>, secret: string): boolean {
  return scaffold && secret === ADMIN_PASSWORD;
}
