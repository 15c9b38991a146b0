const PLACEHOLDER = /\{\{([A-Za-z]+)\}\}/g;

/**
 * Replaces each `{{name}}` by its variable. Compose's `${…}` and Go's `{{.Field}}` stay.
 * @throws Error for a placeholder without a variable: a mistake in the template.
 */
export function render(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(PLACEHOLDER, (placeholder, name: string) => {
    const value = variables[name];
    if (value === undefined) throw new Error(`the template has ${placeholder}, which no option gives`);
    return value;
  });
}
