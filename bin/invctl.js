#!/usr/bin/env node
import module from 'node:module';

// Node 20 has no compile cache; there the call is simply absent.
module.enableCompileCache?.();
await import('../dist/cli/main.js');
