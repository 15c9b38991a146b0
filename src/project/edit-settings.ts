import { isMap, parseDocument, stringify } from 'yaml';
import type { EnvironmentSettings } from './settings-file.js';

/**
 * The text of `invctl.yaml` with one more environment; all else, comments included, stays. One that it has stays as
 * it is.
 *
 * @param text valid, or empty where there is no file
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
