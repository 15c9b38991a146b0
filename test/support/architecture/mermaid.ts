import { JSDOM } from 'jsdom';

interface Parser {
  parse(text: string): Promise<unknown>;
}

let parser: Promise<Parser> | undefined;

/** Mermaid itself, which cannot be imported before there is a document. */
function loadParser(): Promise<Parser> {
  parser ??= (async () => {
    const { window } = new JSDOM('');
    Object.assign(globalThis, { window, document: window.document });
    const { default: mermaid } = await import('mermaid');
    mermaid.initialize({ startOnLoad: false, maxTextSize: 50_000, maxEdges: 500 });
    return mermaid;
  })();
  return parser;
}

/** Diagrams of a document, in order. */
export function diagramsOf(document: string): string[] {
  return [...document.matchAll(/^```mermaid\r?\n([\s\S]*?)^```/gm)].map((match) => match[1] as string);
}

/** What Mermaid has against a diagram; undefined where it is valid. */
export async function mermaidError(diagram: string): Promise<string | undefined> {
  try {
    await (await loadParser()).parse(diagram);
    return undefined;
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n${diagram}`;
  }
}
