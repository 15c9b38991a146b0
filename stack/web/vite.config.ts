import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

const OUTPUT = fileURLToPath(new URL('../dist/web', import.meta.url));

/** Compresses each file of the page once, here, rather than at every request. */
const compress: Plugin = {
  name: 'compress',
  closeBundle() {
    const folder = join(OUTPUT, 'assets');
    for (const name of readdirSync(folder)) {
      const content = readFileSync(join(folder, name));
      writeFileSync(join(folder, `${name}.gz`), gzipSync(content, { level: 9 }));
      writeFileSync(join(folder, `${name}.br`), brotliCompressSync(content));
    }
  },
};

export default defineConfig({
  build: {
    outDir: OUTPUT,
    emptyOutDir: true,
    target: 'es2022',
    // The policy of the page allows no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  plugins: [compress],
  server: { proxy: { '/api': 'http://127.0.0.1:5003', '/docs': 'http://127.0.0.1:5003' } },
});
