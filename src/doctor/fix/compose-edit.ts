import { parseDocument } from 'yaml';
import { replaceItem, scalarYaml, setKey } from '../../project/compose-text.js';
import { mapAt, plain } from '../../project/tree.js';
import type { FixStep } from '../check.js';
import type { Facts } from '../facts.js';
import { place, readBroken } from '../reading.js';
import { editFile } from './edit-file.js';

/**
 * A step that edits a service in the first file in which the edit has an effect: what a later file sets, an edit of
 * an earlier one does not change.
 */
export async function editService(
  facts: Facts,
  service: string,
  summary: string,
  change: (text: string, path: readonly string[]) => string | undefined,
): Promise<FixStep[]> {
  const node = mapAt(facts.reading.loaded?.tree, 'services', service);
  if (!node) return [];
  const path = ['services', service];
  for (const file of new Set([place(node.at).file, ...facts.location.files])) {
    const steps = await editFile(facts, {
      file,
      summary: `${summary} (${facts.shown(file)})`,
      change: (text) => {
        if (!parseDocument(text).hasIn(path)) return undefined;
        const edited = change(text, path);
        return edited !== undefined && takesEffect(facts, service, file, edited) ? edited : undefined;
      },
    });
    if (steps.length > 0) return steps;
  }
  return [];
}

/** Whether the service becomes another one, and the project no worse, with this text in the file's place. */
function takesEffect(facts: Facts, service: string, file: string, text: string): boolean {
  const { loaded, location, problems } = facts.reading;
  const before = mapAt(loaded?.tree, 'services', service);
  // Only Compose itself can read such a project.
  if (!before || before.at.line === 0) return true;
  const edited = readBroken(location, facts.env, [], new Map([[file, text]]));
  const after = mapAt(edited.loaded?.tree, 'services', service);
  if (!after || edited.problems.length > problems.length) return false;
  return JSON.stringify(plain(after)) !== JSON.stringify(plain(before));
}

/** A step that sets a variable under `environment` of a service, in the form that the file uses. */
export function setEnvironment(
  facts: Facts,
  service: string,
  name: string,
  value: string,
): Promise<FixStep[]> {
  return editService(
    facts,
    service,
    `set ${name}: ${value} under environment of ${service}`,
    (text, path) => {
      const at = [...path, 'environment'];
      return (
        replaceItem(
          text,
          at,
          (item) => item === name || item.startsWith(`${name}=`),
          scalarYamlItem(name, value),
        ) ?? setKey(text, at, name, scalarYaml(value))
      );
    },
  );
}

function scalarYamlItem(name: string, value: string): string {
  const item = `${name}=${value}`;
  return /[#:{}[\],&*!|>'"%@`\s]/.test(item) ? JSON.stringify(item) : item;
}
