import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { build } from './app.js';
import { loadSettings } from './settings/load.js';

// Prints the OpenAPI document of this API, or writes it to the file that is named. Nothing is connected to: the
// settings stand for any.
const [, , file] = process.argv;
const { settings } = loadSettings({
  env: {
    JWT_SECRET_KEY: 'signs nothing: this process prints and ends',
    POSTGRESQL_PWD: 'opens nothing',
    SECRETS_DIR: '/nonexistent/secrets',
  },
  envFilePath: '/nonexistent/.env',
});
const app = await build({ settings, schemaVersion: 0 });
await app.ready();
const text = `${JSON.stringify(app.swagger(), null, 2)}\n`;
if (file === undefined) {
  process.stdout.write(text);
} else {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
await app.close();
