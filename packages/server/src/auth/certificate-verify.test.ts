import { describe, expect, it } from 'vitest';
import type { ClientCertificate, Credentials } from './authenticate.ts';
import { createCertificateVerify } from './certificate-verify.ts';
import type { Proof } from './proof.ts';

const credentials = (certificate: ClientCertificate | undefined): Credentials => ({
  certificate,
  authorization: undefined,
  connection: {},
  local: false,
  address: undefined,
  path: '/mcp',
});
const certificate = (subjectAltNames: readonly string[], notAfterMs = 1000): ClientCertificate => ({
  fingerprint: subjectAltNames.join(),
  subjectAltNames,
  notAfterMs,
});

describe('client certificates', () => {
  it.each<[readonly string[], string]>([
    [['DNS:host', 'email:a@b', 'URI:spiffe://x/a', 'URI:spiffe://x/b'], 'spiffe://x/a'],
    [['DNS:host', 'email:a@b'], 'a@b'],
    [['URI:', 'DNS:host'], 'host'],
  ])('P4-10 %j is %s', (names, subject) => {
    const verify = createCertificateVerify(() => 0);
    expect(verify(credentials(certificate(names)))).toMatchObject({
      principal: { issuer: 'mtls', subject, roles: [], claims: { san: names } },
    });
  });

  it.each([[[]], [['IP Address:10.0.0.1']], [['dirName:CN=root']]])('P4-10 %j names nobody', (names) => {
    expect(createCertificateVerify(() => 0)(credentials(certificate(names)))).toMatchObject({ problem: 'invalid' });
  });

  it('leaves it to other ways where there is none', () => {
    expect(createCertificateVerify(() => 0)(credentials(undefined))).toBeUndefined();
  });

  it('are good until they expire, and as long as the same one is shown', () => {
    let nowMs = 0;
    const verify = createCertificateVerify(() => nowMs);
    const shown = certificate(['DNS:a']);
    const proof = verify(credentials(shown)) as Proof;
    expect(verify(credentials(shown))).toBe(proof);
    expect(proof.holds(credentials(shown))).toBe(true);
    expect(proof.holds(credentials(certificate(['DNS:b'])))).toBe(false);
    nowMs = 1000;
    expect(proof.holds(credentials(shown))).toBe(false);
    expect(verify(credentials(shown))).toMatchObject({ problem: 'invalid' });
  });
});
