/** People at browsers, and the authorization server: forms, sign-ins, cookies, codes, refresh tokens. */
import { server, type Removal } from './removal.ts';

export const PEOPLE: readonly Removal[] = [
  {
    protection: 'P2-06 a form carries the token of its session',
    file: server('browser/identity.ts'),
    find: "if (!isSame(form.get('csrf') ?? '', proof(known.secret, purpose))) {",
    replace: 'if (form === null) {',
    tests: server('browser/csrf.test.ts'),
  },
  {
    protection: 'P2-06 a form comes from one of our own pages',
    file: server('browser/forms.ts'),
    find: "if (site !== undefined && site !== 'same-origin') return false;\n  return origin !== undefined && ownOrigins.includes(origin.toLowerCase());",
    replace: 'return origin !== site || ownOrigins.length > 0;',
    tests: server('browser/csrf.test.ts'),
  },
  {
    protection: 'P2-02 a sign-in is finished in the browser that began it',
    file: server('browser/sign-in.ts'),
    find: "if (!this.#isSameBrowser(request, begun)) return this.#refuseCallback(request, response, 'other_browser');",
    replace: '',
    tests: server('browser/sign-in.test.ts'),
  },
  {
    protection: 'P2-02 a state is good once',
    file: server('browser/sign-in.ts'),
    find: 'if ((await this.#underWay.take(state)) === undefined) {',
    replace: 'if ((await this.#underWay.peek(state)) === undefined) {',
    tests: server('browser/sign-in.test.ts'),
  },
  {
    protection: 'P2-17 an ID token has the nonce of its sign-in',
    file: server('browser/provider.ts'),
    find: 'expectedNonce: nonce,',
    replace: 'expectedNonce: oauth.expectNoNonce,',
    tests: server('browser/provider.test.ts'),
  },
  {
    protection: 'P2-03 cookies are for TLS, this host and no script',
    file: server('browser/cookies.ts'),
    find: 'Path=/; Secure; HttpOnly; SameSite=Lax',
    replace: 'Path=/; Secure; SameSite=Lax',
    tests: server('browser/sign-in.test.ts'),
  },
  {
    protection: 'P2-04 a sign-in ends the session of the cookie before',
    file: server('browser/identity.ts'),
    find: 'if (before !== undefined) await sessions.end(before);',
    replace: '',
    tests: server('browser/sign-in.test.ts'),
  },
  {
    protection: 'P2-05 a session ends, however busy it is',
    file: server('browser/sessions.ts'),
    find: 'return Math.min(createdMs + absoluteMs, lastSeenMs + idleMs);',
    replace: 'return createdMs < absoluteMs ? lastSeenMs + idleMs : lastSeenMs + idleMs;',
    tests: server('browser/sessions.test.ts'),
  },
  {
    protection: 'P1-05 a code is worth nothing without its verifier',
    file: server('authorization-server/redeem.ts'),
    find: ' &&\n    isSameText(challenge, code.challenge)',
    replace: ' && challenge.length > 0',
    tests: server('authorization-server/grants.test.ts'),
  },
  {
    protection: 'P2-01 a redirect URI is one of the client’s',
    file: server('authorization-server/authorization-request.ts'),
    find: 'if (!client.metadata.redirect_uris.some((each) => matchesRedirectUri(each, redirectUri))) return undefined;',
    replace: '',
    tests: server('authorization-server/authorization-endpoint.test.ts'),
  },
  {
    protection: 'a refresh token that comes again ends its grant',
    file: server('authorization-server/redeem.ts'),
    find: '  await grants.end(found);\n  throw new MisuseError(what, found.grant);',
    replace: '  throw new MisuseError(what, found.grant);',
    tests: server('authorization-server/grants.test.ts'),
  },
];
