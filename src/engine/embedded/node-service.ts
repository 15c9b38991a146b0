import { basename } from 'node:path';
import { ExitCode, UserError } from '../../errors.js';
import { packageScripts } from './build.js';
import type { NodeService } from './classify.js';

/** Programs of a `command:` that this machine has as well as the container. */
const NODE_PROGRAMS = new Set(['node', 'npm', 'npx']);

/**
 * Returns the argument vector of a Node service: its `entrypoint` and `command` if they call node, npm or
 * npx, otherwise the package's `start` script. `node` is our own Node.
 * @throws UserError EMBEDDED_NO_START_COMMAND (exit 4)
 */
export async function startCommand(node: NodeService): Promise<{ program: string; args: string[] }> {
  const { service, folder } = node;
  const own = [...(service.entrypoint ?? []), ...(service.command ?? [])];
  if (own[0] !== undefined && NODE_PROGRAMS.has(basename(own[0]))) return resolveNode(own);
  const script = (await packageScripts(node)).start;
  if (script === undefined) {
    throw new UserError({
      code: 'EMBEDDED_NO_START_COMMAND',
      message: `nothing tells how to start ${service.name}: its package.json in ${folder} has no \`start\` script`,
      hint: 'add "start": "node …" to its scripts, or `command: ["node", "…"]` in the compose file',
      exitCode: ExitCode.projectInvalid,
    });
  }
  // A plain `node file.js` is run directly, without npm and a shell.
  if (/^node(\s+[\w@%+=:,./-]+)+$/.test(script)) return resolveNode(script.split(/\s+/));
  return { program: 'npm', args: ['run', '--silent', 'start'] };
}

function resolveNode([program = '', ...args]: readonly string[]): { program: string; args: string[] } {
  return { program: basename(program) === 'node' ? process.execPath : basename(program), args };
}
