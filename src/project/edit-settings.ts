import { isMap, parseDocument, stringify } from 'yaml';
import type { EnvironmentSettings } from './settings-file.js';

/**
 * Returns the text of `invctl.yaml` with one more environment; everything else stays, comments included. An
 * environment that exists is not changed.
 * @param text valid, or empty if there is no file
 */
export function withEnvironment(
  text: string,
  name: string,
  environment: Partial<EnvironmentSettings>,
): string {
  const document = parseDocument(text);
  if (document.hasIn(['environments', name])) return text;
  const root = document.contents;
  if (root === null || (isMap(root) && !root.flow && !root.has('environments'))) {
    const gap = text === '' || text.endsWith('\n') ? '' : '\n';
    return `${text}${gap}${stringify({ environments: { [name]: environment } })}`;
  }
  const known = document.get('environments');
  if (isMap(known)) known.set(name, document.createNode(environment));
  else document.set('environments', document.createNode({ [name]: environment }));
  return document.toString({ lineWidth: 0 });
}
