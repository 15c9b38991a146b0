import { build } from './app.js';
import { loadSettings } from './settings/load.js';

// Prints the OpenAPI document of this API. Nothing is connected to: the settings stand for any.
const { settings } = loadSettings({
  env: {
    JWT_SECRET_KEY: 'signs nothing: this process prints and ends',
    POSTGRESQL_PWD: 'opens nothing',
    SECRETS_DIR: '/nonexistent',
  },
  envFilePath: '/nonexistent',
});
const app = await build({ settings, schemaVersion: 0 });
await app.ready();
process.stdout.write(`${JSON.stringify(app.swagger(), null, 2)}\n`);
await app.close();
