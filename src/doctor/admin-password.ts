import type { Facts } from './facts.js';

/** The secret of a scaffold that its API reads once, when it creates the first admin. */
const ADMIN_PASSWORD = 'admin_password';

/** The API's own route, which a new file takes nothing from: the database has the password's hash. */
const ROUTE = 'POST /api/v1/auth/password';

/** Whether another file changes no password once the API has been up. */
export function isReadOnce({ scaffold }: Pick<Facts, 'scaffold'>, secret: string): boolean {
  return scaffold && secret === ADMIN_PASSWORD;
}

/** Where the admin changes the password. */
export function adminRoute({ project }: Facts): string {
  const port = Object.values(project.services)
    .filter(({ secrets }) => secrets.some(({ source }) => source === ADMIN_PASSWORD))
    .flatMap(({ ports }) => ports.flatMap(({ published }) => published ?? []))[0];
  return `${ROUTE}, in ${port === undefined ? "the API's /docs" : `http://127.0.0.1:${port}/docs`}`;
}
