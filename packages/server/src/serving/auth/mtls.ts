/** Client certificates of the authorities in `https.clientCa`; who one names is its subjectAltName. */

import { createCertificateVerify } from '../../auth/certificate-verify.ts';
import type { AuthProvider } from './provider.ts';

export function mtls(): AuthProvider {
  return { kind: 'mtls', open: ({ now }) => ({ prove: createCertificateVerify(now) }) };
}
