import { replaceItem, scalarYaml, setKey } from '../../project/compose-text.js';
import { mapAt } from '../../project/tree.js';
import type { FixStep } from '../check.js';
import type { Facts } from '../facts.js';
import { place } from '../reading.js';
import { editFile } from './edit-file.js';

/** A step that edits a service in the file that defines it. */
export async function editService(
  facts: Facts,
  service: string,
  summary: string,
  change: (text: string, path: readonly string[]) => string | undefined,
): Promise<FixStep[]> {
  const node = mapAt(facts.reading.loaded?.tree, 'services', service);
  const { file } = node ? place(node.at) : { file: undefined };
  if (file === undefined) return [];
  return editFile(facts, {
    file,
    summary: `${summary} (${facts.shown(file)})`,
    change: (text) => change(text, ['services', service]),
  });
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
