/**
 * What is asked of the readers of what servers and authorization servers say, for any input (`npm run fuzz`): nothing throws but
 * what is documented, and what is taken over is what was said. It makes no inputs and asks no network.
 */

import assert from 'node:assert/strict';
import type { AuthorizationServer } from 'oauth4webapi';
import { decodeLine, oversizeOf } from '../decode.ts';
import { readChallenge } from '../oauth/challenge.ts';
import { AuthorizationError } from '../oauth/error.ts';
import { discoverServer } from '../oauth/server-metadata.ts';

export const CHALLENGES: readonly string[] = [
  'Bearer realm="x", error="invalid_token", scope="a b", resource_metadata="https://a.example/.well-known/oauth-protected-resource"',
  'Basic realm="a\\"b", Bearer scope=read, Digest nonce="7"',
  'Negotiate abc==, bearer error = "insufficient_scope" , scope="files:read files:write"',
];

const ISSUER = 'https://as.example/tenant';

export const METADATA: readonly string[] = [
  `{"issuer":"${ISSUER}","authorization_endpoint":"https://as.example/a","token_endpoint":"https://as.example/t","code_challenge_methods_supported":["S256"]}`,
  `{"issuer":"${ISSUER}","token_endpoint":"http://as.example/t","registration_endpoint":"javascript:alert(1)","scopes_supported":["a",7]}`,
  `{"issuer":"${ISSUER}","token_endpoint":"https://u:p@as.example/t#x","revocation_endpoint":"https://169.254.169.254/"}`,
];

/** A message of a server is read; what counts as a result is JSON whose result is an object, also with another id. */
export function checkAnswer(text: string): void {
  const bytes = Buffer.from(text);
  const decoded = decodeLine(bytes);
  oversizeOf(bytes.subarray(0, 256), bytes.subarray(-256));
  if (decoded.kind === 'batch') for (const line of decoded.lines) decodeLine(line);
  if (decoded.kind !== 'result') return;
  const whole = Buffer.concat([decoded.before, Buffer.from('"mine"'), decoded.after]).toString();
  const message = JSON.parse(whole) as { readonly id: unknown; readonly result: unknown };
  assert.equal(message.id, 'mine');
  assert.equal(typeof message.result, 'object');
}

/** What a challenge says stands in it. */
export function checkChallenge(text: string): void {
  const { error, resourceMetadata, scopes } = readChallenge(text);
  const plain = text.replaceAll('\\', '');
  for (const said of [error, resourceMetadata, ...(scopes ?? [])]) {
    assert(said === undefined || plain.includes(said.replaceAll('\\', '')));
  }
  assert((scopes ?? []).every((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope)));
}

/** Metadata are refused, or name this very issuer and nothing but addresses over TLS. */
export async function checkMetadata(text: string): Promise<void> {
  const requests = {
    fetch: async () => new Response(text.toWellFormed()),
    allowLoopbackHttp: false,
    timeout: () => new AbortController().signal,
  };
  let server: AuthorizationServer;
  try {
    server = await discoverServer(ISSUER, requests);
  } catch (error) {
    assert(error instanceof AuthorizationError, String(error));
    return;
  }
  assert.equal(server.issuer, ISSUER);
  const { authorization_endpoint: authorize, registration_endpoint: register, revocation_endpoint: revoke } = server;
  for (const url of [authorize, register, revoke, server.token_endpoint, server.device_authorization_endpoint]) {
    assert(url === undefined || URL.parse(url)?.protocol === 'https:', url);
  }
}
