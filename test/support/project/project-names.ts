// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are Compose's

/** The beginnings of compose files in a folder called `shop`, with `DOT=from-dot` in `.env`, and the project's name. */
export const projectNames: [text: string, name: string][] = [
  ['name: plain\n', 'plain'],
  ['name:   Spaced Out   # note\n', 'spacedout'],
  ['name: "My Shop!"\n', 'myshop'],
  ["name: 'single'\r\n", 'single'],
  ['"name": key-quoted\n', 'key-quoted'],
  ['name: ${X:-fallback}-x\n', 'fallback-x'],
  ['name: "${X:-a b}"\n', 'ab'],
  ['name: ${DOT}\n', 'from-dot'],
  ['name: >-\n  folded\n  text\n', 'foldedtext'],
  ['name: !!str tagged\n', 'tagged'],
  ['name: &n anchored\n', 'anchored'],
  ['name: first\n---\nname: second\n', 'second'],
  ['# name: commented\n', 'shop'],
  ['x-name: other\nx-y: {name: no}\n', 'shop'],
];

export const minimalServices = 'services: {a: {image: x}}\n';
