import { describe, expect, it } from 'vitest';
import type { DatabaseFacts } from '../../../src/postgres/database-facts.js';
import {
  lostProperties,
  propertyStatements,
  wantedProperties,
  withoutSecrets,
} from '../../../src/postgres/database-properties.js';
import { derivedName } from '../../../src/postgres/derived-names.js';
import { identifier, literal } from '../../../src/system/sql.js';

const plain: DatabaseFacts['database'] = {
  name: 'shop',
  owner: 'owner',
  bytes: 1,
  encoding: 'UTF8',
  localeProvider: 'libc',
  collate: 'C',
  ctype: 'C',
  locale: null,
  collationVersion: null,
  acl: null,
  settings: [],
  comment: null,
  connectionLimit: -1,
  isTemplate: false,
  tablespace: 'pg_default',
  icuRules: null,
  securityLabels: [],
};

describe('propertyStatements', () => {
  it('grants what the access list says, to PUBLIC and to names that need quotes', () => {
    expect(
      propertyStatements('shop', { ...plain, acl: ['=c/owner', 'owner=CTc/owner', '"a=b"=T*/owner'] }),
    ).toEqual([
      'REVOKE ALL ON DATABASE "shop" FROM PUBLIC, "owner";',
      'GRANT CONNECT ON DATABASE "shop" TO PUBLIC;',
      'GRANT CREATE ON DATABASE "shop" TO "owner";',
      'GRANT TEMPORARY ON DATABASE "shop" TO "owner";',
      'GRANT CONNECT ON DATABASE "shop" TO "owner";',
      'GRANT TEMPORARY ON DATABASE "shop" TO "a=b" WITH GRANT OPTION;',
    ]);
  });

  it('grants as whoever granted it, after the right to do so', () => {
    const acl = ['reader=c/deputy', 'deputy=c*/owner'];
    expect(propertyStatements('shop', { ...plain, acl }).slice(1)).toEqual([
      'GRANT CONNECT ON DATABASE "shop" TO "deputy" WITH GRANT OPTION;',
      'BEGIN; SET LOCAL ROLE "deputy"; GRANT CONNECT ON DATABASE "shop" TO "reader"; COMMIT;',
    ]);
  });

  it('says nothing where nothing was set', () => {
    expect(propertyStatements('shop', plain)).toEqual([]);
    expect(propertyStatements('shop', { ...plain, acl: [] })).toHaveLength(1);
  });

  it('quotes each element of a list, and what a person wrote', () => {
    const settings = [
      { role: null, name: 'search_path', value: '"$user", public, "My Schema"' },
      { role: 'reader', name: 'work_mem', value: '5MB' },
      { role: null, name: 'app.token', value: "it's" },
      { role: null, name: 'app.unknown_token', value: null },
    ];
    const comment = "do not 'drop'";
    expect(propertyStatements('shop', { ...plain, settings, comment, connectionLimit: 3 })).toEqual([
      `ALTER DATABASE "shop" SET "search_path" TO '$user', 'public', 'My Schema';`,
      `ALTER ROLE "reader" IN DATABASE "shop" SET "work_mem" TO '5MB';`,
      `ALTER DATABASE "shop" SET "app"."token" TO 'it''s';`,
      `COMMENT ON DATABASE "shop" IS 'do not ''drop''';`,
      'ALTER DATABASE "shop" CONNECTION LIMIT 3;',
    ]);
  });
});

describe('a manifest', () => {
  const setting = (name: string, value: string, role: string | null = null) => ({ role, name, value });

  it.each([
    ['app.jwt_secret', 'x'],
    ['app.pepper', 'x'],
    ['app.master_key', 'x'],
    ['app.upstream', 'postgres://app:pw@host/db'],
    ['app.blob', '-----BEGIN PRIVATE KEY-----'],
    ['app.session', 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9'],
  ])('does not keep the value of %s', (name, value) => {
    expect(withoutSecrets({ ...plain, settings: [setting(name, value)] }).settings).toEqual([
      { role: null, name, value: null },
    ]);
  });

  it.each([
    ['work_mem', '9MB'],
    ['app.region', `it's, "x"`],
    ['search_path', '"$user", public'],
    ['app.password_file', '/run/secrets/db'],
  ])('keeps the value of %s', (name, value) => {
    expect(withoutSecrets({ ...plain, settings: [setting(name, value)] }).settings[0]?.value).toBe(value);
  });

  it('does not keep a comment with a password', () => {
    const comment = 'see postgres://app:pw@host/db';
    expect(withoutSecrets({ ...plain, comment })).not.toHaveProperty('comment');
    expect(withoutSecrets({ ...plain, comment: 'production' }).comment).toBe('production');
  });

  it('is completed by the live database, role by role, and by nothing else', () => {
    const kept = {
      ...plain,
      comment: 'of the backup',
      settings: [
        { role: null, name: 'app.token', value: null },
        { role: 'reader', name: 'app.token', value: null },
        { role: null, name: 'work_mem', value: '1MB' },
      ],
    };
    const live = {
      ...plain,
      comment: 'of today',
      connectionLimit: 9,
      settings: [setting('app.token', 'shh'), setting('work_mem', '2MB'), setting('app.new', 'x')],
    };
    const { connectionLimit: _, ...older } = kept;
    const wanted = wantedProperties(older, live);
    expect(wanted.comment).toBe('of the backup');
    expect(wanted.connectionLimit).toBe(9);
    expect(wanted.settings.map(({ value }) => value)).toEqual(['shh', null, '1MB']);
    expect(wantedProperties(undefined, live)).toEqual(live);
    expect(wantedProperties(undefined, undefined)).toBeUndefined();
  });

  it('names what a database lacks, and no secret', () => {
    const wanted = {
      ...plain,
      comment: 'production',
      acl: ['a=c/owner', 'owner=CTc/owner'],
      settings: [setting('app.token', 'shh'), { role: 'reader', name: 'app.lost_token', value: null }],
    };
    const lost = lostProperties(wanted, { ...plain, acl: ['owner=CTc/owner', 'a=c/owner'] });
    expect(lost).toEqual([
      `the database's comment is not kept: it was "production", and is null`,
      'the setting app.token of the database is not kept',
      'the setting app.lost_token of the database for the role reader is not kept: it may be a secret, so no backup holds it, and the live database has none',
    ]);
    expect(lostProperties(plain, plain)).toEqual([]);
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
    expect(derivedName('Bücher €', 'verify', '20261123T005853Z')).toBe('B_cher __verify_20261123t005853z');
  });
});
