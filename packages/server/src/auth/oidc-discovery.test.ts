import { describe, expect, it } from 'vitest';
import type { Fetch } from './fetch-json.ts';
import { createDiscovery, type Discovery } from './oidc-discovery.ts';

const ISSUER = 'https://id.test/tenant';
const DOCUMENT = { issuer: ISSUER, jwks_uri: 'https://keys.test/jwks', token_endpoint: 'https://id.test/token' };

function open(answers: Readonly<Record<string, object>>, issuer = ISSUER) {
  const state = { nowMs: 0, answers };
  const fetched: string[] = [];
  const failures: string[] = [];
  const fake: Fetch = async (url) => {
    fetched.push(url);
    const answer = state.answers[url];
    return answer === undefined ? new Response('', { status: 404 }) : Response.json(answer);
  };
  const discovery: Discovery = createDiscovery({
    issuer,
    fetch: fake,
    onFailure: (error) => failures.push(String(error)),
    now: () => state.nowMs,
  });
  return { discovery, fetched, failures, state };
}

describe('discovery of an authorization server', () => {
  it.each([
    `${ISSUER}/.well-known/openid-configuration`,
    'https://id.test/.well-known/oauth-authorization-server/tenant',
    'https://id.test/.well-known/openid-configuration/tenant',
  ])('finds the document at %s', async (url) => {
    const { discovery } = open({ [url]: DOCUMENT });
    expect(await discovery.metadata()).toEqual(DOCUMENT);
    expect(await discovery.endpoint('jwks_uri')).toBe('https://keys.test/jwks');
    await expect(discovery.endpoint('introspection_endpoint')).rejects.toThrow(/no introspection_endpoint/);
  });

  it.each(['https://id.test', 'https://id.test/'])('asks of %s at two places', async (issuer) => {
    const { discovery, fetched } = open({}, issuer);
    await discovery.metadata();
    expect(fetched).toEqual([
      'https://id.test/.well-known/openid-configuration',
      'https://id.test/.well-known/oauth-authorization-server',
    ]);
  });

  it.each([`${ISSUER}/`, 'https://ID.test/tenant', 'https://id.test', 'https://evil.test', '', undefined, [ISSUER]])(
    'DSA-05 does not believe a document that names the issuer %j',
    async (issuer) => {
      const document = { ...DOCUMENT, issuer };
      const { discovery, failures } = open({ [`${ISSUER}/.well-known/openid-configuration`]: document });
      expect(await discovery.metadata()).toBeUndefined();
      await expect(discovery.endpoint('jwks_uri')).rejects.toThrow(ISSUER);
      expect(failures.join()).toContain('another issuer');
    },
  );

  it.each(['http://id.test/keys', 'http://169.254.169.254/', 'file:///etc/passwd', 'keys', '', 7, null])(
    'UPS-01 does not use an endpoint like %j',
    async (jwks_uri) => {
      const { discovery } = open({ [`${ISSUER}/.well-known/openid-configuration`]: { ...DOCUMENT, jwks_uri } });
      expect(await discovery.metadata()).toBeUndefined();
    },
  );

  it('is read once, again after an hour, and the old one is used when that fails', async () => {
    const answers = { [`${ISSUER}/.well-known/openid-configuration`]: DOCUMENT };
    const { discovery, fetched, state } = open(answers);
    const [first] = await Promise.all([discovery.metadata(), discovery.metadata()]);
    expect(await discovery.metadata()).toBe(first);
    expect(fetched).toHaveLength(1);
    state.answers = {};
    state.nowMs += 60 * 60_000;
    expect(await discovery.metadata()).toBe(first);
    expect(fetched).toHaveLength(4);
    expect(await discovery.metadata()).toBe(first);
    expect(fetched).toHaveLength(4);
  });

  it.each(['http://id.test', 'id.test', 'https://u:p@id.test', 'https://id.test?a=b', 'https://id.test/#a'])(
    'refuses the issuer %s at once',
    (issuer) => {
      expect(() => open({}, issuer)).toThrow(issuer);
    },
  );
});
