import { Document, type Scalar, visit } from 'yaml';

/** A YAML document that readers of YAML 1.1, which is what Go's are, take for the same data. */
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

/** Texts that those readers take for a number or a boolean, or do not take as a block of lines. */
function isMisread(text: string): boolean {
  return (
    /^(?:y|n|yes|no|on|off|[\d:.+\-_e]+)$/i.test(text) ||
    /[^\P{Cc}\n]|\ufeff/u.test(text) ||
    /^\s|\s$|\n\s/.test(text)
  );
}
