import { describe, expect, it } from 'vitest';
import { destination, folderName, parseSshAddress, sshCommand } from '../../../../src/system/ssh/address.js';

describe('an ssh:// address', () => {
  it.each([
    ['ssh://shop', ['--', 'shop'], 'ssh shop', 'shop'],
    ['ssh://me@shop.example', ['-l', 'me', '--', 'shop.example'], 'ssh me@shop.example', 'me@shop.example'],
    ['ssh://me@shop:2222', ['-l', 'me', '-p', '2222', '--', 'shop'], 'ssh -p 2222 me@shop', 'me@shop-2222'],
    ['ssh://me@[::1]:22', ['-l', 'me', '-p', '22', '--', '::1'], 'ssh -p 22 me@::1', 'me@--1-22'],
    [
      'ssh://me@corp.example@gate',
      ['-l', 'me@corp.example', '--', 'gate'],
      'ssh me@corp.example@gate',
      'me@corp.example@gate',
    ],
    ['ssh://shop/run/user/1000/docker.sock', ['--', 'shop'], 'ssh shop', 'shop+run+user+1000+docker.sock'],
    ['SSH://shop/', ['--', 'shop'], 'ssh shop', 'shop'],
  ])('%s', (text, words, command, folder) => {
    const address = parseSshAddress(text, '--host');
    expect(destination(address)).toEqual(words);
    expect(sshCommand(address)).toBe(command);
    expect(folderName(address)).toBe(folder);
    expect(parseSshAddress(address.url, '--host')).toEqual(address);
  });

  it('knows the socket that it names', () => {
    expect(parseSshAddress('ssh://shop/run/d.sock', '--host').socketPath).toBe('/run/d.sock');
    expect(parseSshAddress('ssh://shop', '--host').socketPath).toBeUndefined();
  });

  it.each([
    '',
    'shop',
    'me@shop',
    'tcp://shop:2375',
    'ssh://',
    'ssh://@shop',
    'ssh://-oProxyCommand=id',
    'ssh://me@-v',
    'ssh://-l@shop',
    'ssh://shop:0',
    'ssh://shop:65536',
    'ssh://shop:ssh',
    'ssh://shop;id',
    'ssh://$(id)@shop',
    'ssh://me shop',
    'ssh://me@shop\nid',
  ])('is not %j', (text) => {
    expect(() => parseSshAddress(text, '--host')).toThrow(/is not an address of the form ssh:/);
  });

  it('takes no password, and repeats none', () => {
    const parse = () => parseSshAddress('ssh://me:hunter2@shop', '--host');
    expect(parse).toThrow(/a password does not belong/);
    expect(parse).not.toThrow(/hunter2/);
  });
});
