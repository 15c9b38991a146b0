const PLACEHOLDER = /\{\{([A-Za-z]+)\}\}/g;

/**
 * Puts the variables in place of their `{{name}}`. Neither Compose's `${…}` nor Go's `{{.Field}}` is touched.
 * @throws Error for a placeholder without a variable: a mistake in the template.
 */
export function render(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(PLACEHOLDER, (placeholder, name: string) => {
    const value = variables[name];
    if (value === undefined) throw new Error(`the template has ${placeholder}, which no option gives`);
    return value;
  });
}
