import { Document, type Scalar, visit } from 'yaml';

/** Returns a YAML document that readers of YAML 1.1, such as Go's, read as the same data. */
export function yamlDocument(data: unknown, comment?: string): string {
  const document = new Document(data, { aliasDuplicateObjects: false });
  if (comment !== undefined) document.commentBefore = comment;
  visit(document, {
    Scalar(_, node: Scalar) {
      if (typeof node.value === 'string' && isMisread(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  return document.toString({ lineWidth: 0, doubleQuotedAsJSON: true });
}

/**
 * Whether these readers would take a text for a number or a boolean, or cannot read it as a block of lines.
 */
function isMisread(text: string): boolean {
  return (
    /^(?:y|n|yes|no|on|off|[\d:.+\-_e]+)$/i.test(text) ||
    /[^\P{Cc}\n]|\ufeff/u.test(text) ||
    /^\s|\s$|\n\s/.test(text)
  );
}
