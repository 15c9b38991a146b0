import { describe, expect, it } from 'vitest';
import { propertyStatements } from '../../../../src/services/database/database-properties.js';
import { derivedName } from '../../../../src/services/database/scratch.js';
import { identifier, literal } from '../../../../src/services/database/sql.js';

describe('propertyStatements', () => {
  it('grants what the access list says, to PUBLIC and to names that need quotes', () => {
    expect(
      propertyStatements(
        'shop',
        { acl: ['=c/owner', 'owner=CTc/owner', '"a=b"=T*/owner'], settings: [] },
        [],
      ),
    ).toEqual([
      'REVOKE ALL ON DATABASE "shop" FROM PUBLIC;',
      'GRANT CONNECT ON DATABASE "shop" TO PUBLIC;',
      'GRANT CREATE ON DATABASE "shop" TO "owner";',
      'GRANT TEMPORARY ON DATABASE "shop" TO "owner";',
      'GRANT CONNECT ON DATABASE "shop" TO "owner";',
      'GRANT TEMPORARY ON DATABASE "shop" TO "a=b" WITH GRANT OPTION;',
    ]);
  });

  it('says nothing where nothing was set', () => {
    expect(propertyStatements('shop', { acl: null, settings: [] }, [])).toEqual([]);
  });

  it('quotes each element of a list, and takes a secret from the live database', () => {
    const settings = [
      { role: null, name: 'search_path', value: '"$user", public' },
      { role: 'reader', name: 'work_mem', value: '5MB' },
      { role: null, name: 'app.token', value: null },
      { role: null, name: 'app.lost_token', value: null },
    ];
    const current = [{ role: null, name: 'app.token', value: "it's" }];
    expect(propertyStatements('shop', { acl: null, settings }, current)).toEqual([
      `ALTER DATABASE "shop" SET "search_path" TO '$user', 'public';`,
      `ALTER ROLE "reader" IN DATABASE "shop" SET "work_mem" TO '5MB';`,
      `ALTER DATABASE "shop" SET "app"."token" TO 'it''s';`,
    ]);
  });
});

describe('SQL words', () => {
  it('cannot be left', () => {
    expect(identifier('a"; DROP DATABASE x; --')).toBe('"a""; DROP DATABASE x; --"');
    expect(literal("a'; DROP")).toBe("'a''; DROP'");
    expect(literal("back\\' slash")).toBe(` E'back\\\\'' slash'`);
  });

  it('keep a derived name within what PostgreSQL stores, in bytes', () => {
    const name = derivedName('ü'.repeat(60), 'before', '20261123T005853Z');
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
    expect(name).toMatch(/^ü+_before_20261123t005853z$/);
    expect(derivedName('shop', 'restore', '20261123T005853Z')).toBe('shop_restore_20261123t005853z');
  });
});
