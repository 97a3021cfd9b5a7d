/**
 * A signed-in caller for the suite: its ID token is the caller's credential at the gateway, and is looked up (RFC 7662) at a
 * stand-in, because the suite's identity provider publishes no keys and has no such endpoint. All else is the suite's.
 */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SignedIn extends AsyncDisposable {
  /** `auth` of the gateway. */
  readonly auth: object;
  /** Of the caller. */
  readonly headers: Record<string, string>;
}

/** Any name does that the answer has too. */
const AUDIENCE = 'conformance';

/** `issuer`: of the ID token. */
export async function signIn(idToken: string, issuer: string): Promise<SignedIn> {
  const [, payload = ''] = idToken.split('.');
  const { exp, sub } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
  const answer = JSON.stringify({ active: true, iss: issuer, sub, exp, aud: AUDIENCE });
  const server = createServer((request, response) => {
    let form = '';
    request.setEncoding('utf8').on('data', (text: string) => void (form += text));
    request.on('end', () => {
      const isKnown = new URLSearchParams(form).get('token') === idToken;
      response.setHeader('content-type', 'application/json').end(isKnown ? answer : '{"active":false}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const client = { clientId: 'gateway', clientSecret: randomBytes(16).toString('hex') };
  return {
    auth: { mode: 'introspection', introspection: { issuer, endpoint, ...client, audience: AUDIENCE } },
    headers: { authorization: `Bearer ${idToken}` },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
