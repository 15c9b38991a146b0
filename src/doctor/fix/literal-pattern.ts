/** A path as a rule of an ignore file that means it alone, whatever signs it has. */
export function literalPattern(path: string): string {
  return path.replaceAll(/[\\*?[\]]|^[!#]| $/g, '\\$&');
}
