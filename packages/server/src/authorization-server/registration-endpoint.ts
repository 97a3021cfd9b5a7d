/**
 * The registration endpoint (RFC 7591 §3), open to everybody: that is what it is for. So an address may use it only so
 * often, what is registered is checked, and nobody has approved a client because it is registered.
 */

import type { IncomingMessage } from 'node:http';
import type { FailureLimit } from '../auth/failures.ts';
import type { Handler } from '../browser/types.ts';
import { MetadataError } from './client-metadata.ts';
import type { Clients } from './clients.ts';
import type { Report } from './events.ts';
import { jsonEndpoint, readJson } from './http.ts';
import { OAuthError } from './oauth-error.ts';
import { tooMany } from './token-endpoint.ts';

const MAX_BODY_BYTES = 64 * 1024;

export interface RegistrationEndpointOptions {
  readonly clients: Pick<Clients, 'register'>;
  /** Every attempt counts. */
  readonly attempts: FailureLimit;
  /** The address of the client, behind trusted proxies the one that they name. */
  readonly addressOf: (request: IncomingMessage) => string | undefined;
  readonly report: Report;
}

export function createRegistrationEndpoint(options: RegistrationEndpointOptions): Handler {
  const { addressOf, attempts, clients, report } = options;
  return jsonEndpoint('POST', report, async (request, response) => {
    const address = addressOf(request);
    const waitMs = attempts.failed(address);
    if (waitMs > 0) throw tooMany(waitMs);
    const document = await readJson(request, response, MAX_BODY_BYTES);
    if (document === undefined) {
      throw new OAuthError('invalid_client_metadata', `The body is a JSON object of ${MAX_BODY_BYTES} bytes at most.`);
    }
    try {
      const registration = await clients.register(document, address);
      report(request, { kind: 'registered', client: registration.client_id, name: registration.client_name });
      return { status: 201, body: registration };
    } catch (error) {
      throw error instanceof MetadataError ? new OAuthError(error.code, error.message) : error;
    }
  });
}
