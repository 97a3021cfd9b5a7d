import { describe, expect, it } from 'vitest';
import { securityText } from './security-txt.ts';

const now = Date.parse('2026-11-22T13:14:15Z');

describe('security.txt', () => {
  it('names contact, end, policy and its own address', () => {
    const settings = { contact: ['mailto:a@acme.test', 'https://acme.test/r'], policy: 'https://acme.test/p' };
    expect(securityText(settings, 'https://gate.acme.test/x', now)).toBe(
      'Contact: mailto:a@acme.test\nContact: https://acme.test/r\nExpires: 2027-02-20T00:00:00.000Z\n' +
        'Policy: https://acme.test/p\nCanonical: https://gate.acme.test/.well-known/security.txt\nPreferred-Languages: en\n',
    );
  });

  it('is not there without a contact, and names no address that is not https', () => {
    expect(securityText({ contact: [] }, 'https://gate.acme.test', now)).toBeUndefined();
    expect(securityText({ contact: ['tel:+1-201-555-0123'] }, 'http://gate.acme.test', now)).not.toContain('Canonical');
  });
});
