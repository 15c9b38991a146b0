import { describe, expect, it } from 'vitest';
import { scramVerifier } from '../../../../src/services/secrets/scram.js';
import { Secret } from '../../../../src/system/secret.js';

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
});
