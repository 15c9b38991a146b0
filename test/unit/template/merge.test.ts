import { describe, expect, it } from 'vitest';
import { fillEnvFile, mergeEnvFile, mergeIgnoreFile } from '../../../src/template/merge.js';

const example = `# What kind of machine this is
ENVIRONMENT=development

# Database
# "db" in the container
DATABASE_HOST=localhost
DATABASE_PORT=5432

# LOG_LEVEL=info
JWT_SECRET_KEY=placeholder
`;

function merge(existing: string) {
  const names = [...existing.matchAll(/^\uFEFF?(\w+)=/gm)].map((match) => match[1] as string);
  return mergeEnvFile(example, existing, new Set(names));
}

describe('mergeEnvFile', () => {
  it('adds what is missing at the end, with the comment above it', () => {
    const existing = 'JWT_SECRET_KEY=mine\n\n# my own\nDATABASE_PORT=5433\nENVIRONMENT=production\n';
    expect(merge(existing)).toEqual({
      content: `${existing}\n# Database\n# "db" in the container\nDATABASE_HOST=localhost\n`,
      added: ['DATABASE_HOST'],
    });
  });

  it('has nothing to do the second time', () => {
    const once = merge('JWT_SECRET_KEY=mine\n');
    expect(once.added).toEqual(['ENVIRONMENT', 'DATABASE_HOST', 'DATABASE_PORT']);
    expect(merge(once.content)).toEqual({ content: once.content, added: [] });
  });

  it('makes an empty file the example without its loose comments', () => {
    expect(merge('').added).toEqual(['ENVIRONMENT', 'DATABASE_HOST', 'DATABASE_PORT', 'JWT_SECRET_KEY']);
    expect(merge('').content.startsWith('# What kind')).toBe(true);
  });

  it("keeps the file's line ends, BOM and missing final newline", () => {
    const existing = '\uFEFFENVIRONMENT=production\r\nDATABASE_HOST=h\r\nJWT_SECRET_KEY=k';
    expect(merge(existing)).toEqual({
      content: `${existing}\r\n\r\nDATABASE_PORT=5432\r\n`,
      added: ['DATABASE_PORT'],
    });
  });
});

describe('fillEnvFile', () => {
  it('replaces the value and nothing else', () => {
    expect(fillEnvFile(example, new Map([['JWT_SECRET_KEY', 'a$&b']]))).toBe(
      example.replace('placeholder', () => 'a$&b'),
    );
  });

  it('refuses an example without the name', () => {
    expect(() => fillEnvFile('#JWT_SECRET_KEY=x\n', new Map([['JWT_SECRET_KEY', 'v']]))).toThrow(
      'JWT_SECRET_KEY',
    );
  });
});

describe('mergeIgnoreFile', () => {
  const rules = '# settings\n.env\n.env.*\n!.env.example\nsecrets/\n\n# data\nbackups/\n';

  it('adds whole paragraphs, so that an exception stays behind its rule', () => {
    expect(mergeIgnoreFile(rules, '!.env.example\n.env\nsecrets/\nbackups/')).toEqual({
      content:
        '!.env.example\n.env\nsecrets/\nbackups/\n\n# settings\n.env\n.env.*\n!.env.example\nsecrets/\n',
      added: ['.env', '.env.*', '!.env.example', 'secrets/'],
    });
  });

  it('has nothing to do where every rule is there, in any order and with other line ends', () => {
    const existing = 'backups/\r\nmine\r\n.env\r\n.env.*\r\n!.env.example\r\nsecrets/\r\n';
    expect(mergeIgnoreFile(rules, existing)).toEqual({ content: existing, added: [] });
  });

  it('has nothing to do the second time', () => {
    const once = mergeIgnoreFile(rules, 'mine\n');
    expect(once.content).toBe(`mine\n\n${rules}`);
    expect(mergeIgnoreFile(rules, once.content).added).toEqual([]);
  });
});
