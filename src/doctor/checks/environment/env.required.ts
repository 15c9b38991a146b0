import { defineCheck, type Finding } from '../../check.js';
import type { Facts } from '../../facts.js';
import { declaredAt, grantedSecrets } from '../../granted-secrets.js';
import { type UnsetUse, unsetUses } from '../../unset-variables.js';

export const check = defineCheck({
  id: 'env.required',
  chapter: 'environment',
  title: 'a variable that the compose file demands is not set',
  severity: 'fail',
  needs: ['files'],
  requires: ['env.missing', 'env.syntax'],
  blocksUp: 'VARIABLE_REQUIRED',
  why: 'The author marked it as one that nobody may forget: Compose refuses to start without it.',
  docs: `\`\${NAME:?message}\` fails where NAME is unset or empty. Set it in \`.env\` beside the compose file, or in the shell. A plain \`\${NAME}\` that is not set becomes empty, with a warning; where Compose refuses what is left, such as a mount without a source, it is a failure.`,
  probe(facts) {
    const required = facts.reading.problems
      .filter(({ code }) => code === 'VARIABLE_REQUIRED')
      .map(({ message, file, line }): Finding => {
        const name = /the variable (\S+) is required/.exec(message)?.[1] ?? 'NAME';
        return {
          message,
          next: `echo '${name}=…' >> .env      (or: ${name}=… invctl up)`,
          ...(file === undefined ? {} : { file }),
          ...(line === undefined ? {} : { line }),
        };
      });
    return [...required, ...emptied(facts)];
  },
});

/** One finding per variable: at the line that Compose refuses with the empty value, else at its first use. */
function emptied(facts: Facts): Finding[] {
  const uses = unsetUses(facts).filter(({ meant }) => meant === 'variable');
  return [...new Set(uses.map(({ name }) => name))].map((name): Finding => {
    const own = uses.filter((use) => use.name === name);
    const refusals = own.map((use) => ({
      use,
      problem: facts.reading.problems.find(({ file, line }) => file === use.file && line === use.line),
    }));
    const secret = emptySecretPath(facts, own);
    const { use, problem } =
      refusals.find((one) => one.problem) ?? secret ?? (refusals[0] as (typeof refusals)[number]);
    return {
      severity: problem || secret ? 'fail' : 'warn',
      message: `\${${name}} is not set: it becomes an empty string`,
      why: problem
        ? `Compose refuses what is left: ${problem.message}.`
        : secret
          ? `The path of the secret "${secret.name}" is empty then: the container gets the project's own folder in its place.`
          : 'Compose warns and goes on with nothing in its place.',
      next: `set ${name} in .env, or give it a default: \${${name}:-…}`,
      file: use.file,
      line: use.line,
    };
  });
}

/** A secret whose file path consists only of the unset variable. */
function emptySecretPath(
  facts: Facts,
  uses: readonly UnsetUse[],
): { use: UnsetUse; problem: undefined; name: string } | undefined {
  if (!facts.reading.project) return undefined;
  for (const { name, file } of grantedSecrets(facts)) {
    const at = file === facts.location.directory ? declaredAt(facts, name) : undefined;
    const use = uses.find((one) => one.file === at?.file && one.line === at.line);
    if (use) return { use, problem: undefined, name };
  }
  return undefined;
}
