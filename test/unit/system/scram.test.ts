import { describe, expect, it } from 'vitest';
import { scramVerifier } from '../../../src/system/scram.js';
import { Secret } from '../../../src/system/secret.js';

describe('scramVerifier', () => {
  it('agrees with the example of RFC 7677, section 3', () => {
    // Its salt, its iterations and its password. The server's signature there proves this ServerKey.
    const verifier = scramVerifier(new Secret('pencil'), Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'));
    expect(verifier.reveal()).toBe(
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    );
    expect(String(verifier)).toBe('[redacted]');
  });

  it('salts each one anew', () => {
    const [one, other] = [scramVerifier(new Secret('pencil')), scramVerifier(new Secret('pencil'))];
    expect(one.reveal()).not.toBe(other.reveal());
  });

  it('is what PostgreSQL 16 stored for the same password and salt', () => {
    // SELECT rolpassword FROM pg_authid, on a server that was initialised with this password.
    const stored =
      'SCRAM-SHA-256$4096:VWjSkWO+DEpHtvkfj4w50A==$gMeFj0/6Jwmm7Y4TV1ZLxCiQSNf8iLLob4gni6e/vsI=:QlDebyEqrKGKx/H1Wv2GY5OT7yWfx9iB77JpFXdzzZE=';
    const salt = Buffer.from(stored.split(/[:$]/)[2] ?? '', 'base64');
    expect(scramVerifier(new Secret('swordfish'), salt).reveal()).toBe(stored);
    expect(scramVerifier(new Secret('swordfisch'), salt).reveal()).not.toBe(stored);
  });
});
