/**
 * Protections, each with the few words whose removal takes it away, and the tests that must fail then. `removals.ts` tries
 * them. One is listed for each kind of protection; which tests show it is written once, here.
 */

export interface Removal {
  /** What it is that protects. */
  readonly protection: string;
  /** Relative to the root of the repository. */
  readonly file: string;
  /** Stands in the file once. */
  readonly find: string;
  readonly replace: string;
  /** The file of tests that fails without it. */
  readonly tests: string;
}

const server = (path: string): string => `packages/server/src/${path}`;
const gateway = (path: string): string => `packages/gateway/src/${path}`;

const credentials: readonly Removal[] = [
  {
    protection: 'P3-01 a client key is compared by its keyed hash',
    file: server('auth/keys.ts'),
    find: 'secrets.findIndex((secret) => timingSafeEqual(hmac, secret.hash))',
    replace: 'secrets.findIndex(() => true)',
    tests: server('auth/keys.test.ts'),
  },
  {
    protection: 'P3-14 an expired client key is refused',
    file: server('auth/keys.ts'),
    find: 'if (key.expires !== undefined && key.expires <= nowMs) return undefined;',
    replace: '',
    tests: server('auth/keys.test.ts'),
  },
  {
    protection: 'P3-09 what an unknown key costs in bcrypt is bounded by address',
    file: server('auth/configured-keys.ts'),
    find: 'if (refused.has(id) || failures.waitMs(address) > 0) return undefined;',
    replace: 'if (refused.has(id)) return undefined;',
    tests: server('auth/configured-keys.test.ts'),
  },
  {
    protection: 'P3-01 two credentials at once are none',
    file: server('auth/chain.ts'),
    find: "if (authorization?.includes(',') === true) return refuse(TWO, credentials);",
    replace: '',
    tests: server('auth/chain.test.ts'),
  },
  {
    protection: 'P3-14 a credential that was right before is asked whether it still holds',
    file: server('auth/chain.ts'),
    find: ' && before.proof.holds(credentials)',
    replace: '',
    tests: server('auth/chain.test.ts'),
  },
  {
    protection: 'DSA-02 the algorithm of a token is one of those configured',
    file: server('auth/jwt.ts'),
    find: "if (typeof alg !== 'string' || !algorithms.includes(alg)) return",
    replace: "if (typeof alg !== 'string') return",
    tests: server('auth/jwt.test.ts'),
  },
  {
    protection: 'DSA-02 the signature of a token is verified',
    file: server('auth/jwt.ts'),
    find: 'await compactVerify(token, key, { algorithms: [...algorithms] });',
    replace: '',
    tests: server('auth/jwt.test.ts'),
  },
  {
    protection: 'DSA-10 a token is forgotten with the key that verified it',
    file: server('auth/jwt.ts'),
    find: ' && keySet.current() === verified.keys',
    replace: '',
    tests: server('auth/jwt.test.ts'),
  },
  {
    protection: 'DSA-07 an expired token is refused',
    file: server('auth/claims.ts'),
    find: "if (typeof exp === 'number' && exp * 1000 + toleranceMs <= nowMs) return 'it has expired';",
    replace: '',
    tests: server('auth/claims.test.ts'),
  },
  {
    protection: 'DSA-05 a token is for one of our audiences',
    file: server('auth/access-token.ts'),
    find: '!everywhere && !rules.audiences(path).some((audience) => audiences.includes(audience))',
    replace: 'audiences.length === 0',
    tests: server('auth/jwt.test.ts'),
  },
  {
    protection: 'P2-17 the metadata of a resource names the path that was asked for',
    file: server('auth/protected-resource.ts'),
    find: "const resource = rest === '' ? root : rest;",
    replace: 'const resource = root;',
    tests: server('auth/protected-resource.test.ts'),
  },
  {
    protection: 'P4-10 an expired client certificate names nobody any more',
    file: server('auth/certificate-verify.ts'),
    find: "if (certificate.notAfterMs <= now()) return { problem: 'invalid', detail: 'the client certificate has expired' };",
    replace: '',
    tests: server('auth/certificate-verify.test.ts'),
  },
  {
    protection: 'the local key is good on this machine alone, where keys are no mode',
    file: gateway('identity.ts'),
    find: 'const found = isHere(credentials) ? (prove(credentials) as Proved) : undefined;',
    replace: 'const found = prove(credentials) as Proved;',
    tests: 'test/security/local.test.ts',
  },
  {
    protection: 'ADM-01 the admin paths are for the user of this machine',
    file: gateway('admin-endpoints.ts'),
    find: "if (!isOwn(arrival)) return refusePlain(response, wireError('no_such_path'));",
    replace: '',
    tests: 'test/security/local.test.ts',
  },
  {
    protection: 'AUT-08 what changed in another process is asked for while streams are open',
    file: gateway('gateway.ts'),
    find: '    this.#doors.recheck();\n',
    replace: '',
    tests: 'test/security/changing.test.ts',
  },
];

const listener: readonly Removal[] = [
  {
    protection: 'SES-01 the Host header names this gateway',
    file: server('http/listener.ts'),
    find: 'if (!shield.hostAllowed(host) || !shield.originAllowed(origin, host)) {',
    replace: 'if (!shield.originAllowed(origin, host)) {',
    tests: server('http/listener.test.ts'),
  },
  {
    protection: 'P3-03 a page of another origin may not call',
    file: server('http/listener.ts'),
    find: 'if (!shield.hostAllowed(host) || !shield.originAllowed(origin, host)) {',
    replace: 'if (!shield.hostAllowed(host)) {',
    tests: server('http/listener.test.ts'),
  },
  {
    protection: 'what a proxy says counts only when it is named',
    file: server('http/forwarded.ts'),
    find: 'if (trusted.length === 0 || address === undefined || !trusts(address)) return { address, secure: false };',
    replace: 'if (address === undefined) return { address, secure: false };',
    tests: server('http/forwarded.test.ts'),
  },
  {
    protection: 'local is nobody behind a proxy',
    file: server('http/shield.ts'),
    find: '      !passedProxy(headers) &&\n',
    replace: '',
    tests: server('http/shield.test.ts'),
  },
  {
    protection: 'P3-14 who would not be let in now is cut off',
    file: server('http/listener.ts'),
    find: 'if (!response.writableEnded && (now === undefined || !isSameCaller(principal, now))) socket.destroy();',
    replace: '',
    tests: server('http/recheck.test.ts'),
  },
  {
    protection: 'DOS-10 an address has so many connections',
    file: server('http/connections.ts'),
    find: 'return count <= max;',
    replace: 'return true;',
    tests: server('http/listener.test.ts'),
  },
  {
    protection: 'P4-08 the versions of TLS that may be spoken',
    file: server('http/tls.ts'),
    find: '    minVersion,\n    ciphers',
    replace: '    ciphers',
    tests: server('http/tls.test.ts'),
  },
  {
    protection: 'P4-10 a client certificate that does not hold names nobody',
    file: server('http/tls.ts'),
    find: 'const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;',
    replace: 'const certificate = socket.getPeerX509Certificate();',
    tests: server('http/tls.test.ts'),
  },
  {
    protection: 'P4-10 a revoked client certificate names nobody',
    file: server('http/tls.ts'),
    find: "    ...(crl !== undefined && { crl: blocks(crl, 'X509 CRL') }),\n",
    replace: '',
    tests: server('http/tls.test.ts'),
  },
  {
    protection: 'P3-11 nosniff and its fellows are on every answer',
    file: server('http/headers.ts'),
    find: "  ['X-Content-Type-Options', 'nosniff'],\n",
    replace: '',
    tests: server('http/headers.test.ts'),
  },
  {
    protection: 'P3-11 HSTS is said over TLS',
    file: server('http/headers.ts'),
    find: 'if (this.secure) head += STRICT_TRANSPORT_TEXT;',
    replace: '',
    tests: server('http/headers.test.ts'),
  },
];

const people: readonly Removal[] = [
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

const rights: readonly Removal[] = [
  {
    protection: 'P2-16 deny wins',
    file: gateway('policy/audience.ts'),
    find: 'if (denies.certain !== undefined) return settled(denies.certain, false);',
    replace: '',
    tests: gateway('policy/policy.test.ts'),
  },
  {
    protection: 'P2-16 deny with a condition wins',
    file: gateway('policy/decide.ts'),
    find: 'if (denied !== undefined) return denied.decision;',
    replace: '',
    tests: gateway('policy/properties.test.ts'),
  },
  {
    protection: 'AUT-01 a condition that cannot say allows nothing',
    file: gateway('policy/decide.ts'),
    find: "return settings.effect === 'deny';",
    replace: 'return true;',
    tests: gateway('policy/policy.test.ts'),
  },
  {
    protection: 'AUT-12 a rule with scopes is for tokens that have them',
    file: gateway('policy/rules.ts'),
    find: 'return settings.scopes.filter((scope) => !scopes.includes(scope));',
    replace: 'return settings.scopes.filter(() => false);',
    tests: gateway('policy/policy.test.ts'),
  },
  {
    protection: 'AUT-05 what is not seen is refused as unknown',
    file: gateway('policy/authorize-step.ts'),
    find: 'if (!maySee) return refuseUnknown(call);',
    replace: '',
    tests: gateway('policy/authorize-step.test.ts'),
  },
  {
    protection: 'AUT-02 lists leave out what is not seen',
    file: gateway('catalog/composing.ts'),
    find: " && audience.maySee('tool', server, id, annotations)",
    replace: ' && (annotations !== null || server !== id)',
    tests: gateway('catalog/audience.test.ts'),
  },
  {
    protection: 'AUT-02 a resource that is not seen has no owner',
    file: gateway('catalog/view.ts'),
    find: "selection.audience?.maySee('resource', server, uri) !== false;",
    replace: "selection.audience?.maySee('resource', server, uri) !== undefined;",
    tests: gateway('catalog/audience.test.ts'),
  },
  {
    protection: 'AUT-05 a server that is not seen is at no path',
    file: gateway('catalog/selection.ts'),
    find: 'hasServer: (name) => names.has(name) && audience?.mayUse(name) !== false,',
    replace: 'hasServer: (name) => names.has(name),',
    tests: gateway('catalog/audience.test.ts'),
  },
  {
    protection: 'AUT-11 annotations are believed as they were first said',
    file: gateway('catalog/pinned.ts'),
    find: 'if (!isObject(before) || !isObject(now)) return undefined;',
    replace: 'if (!isObject(before) || !isObject(now)) return isObject(now) ? now : undefined;',
    tests: gateway('catalog/pinned.test.ts'),
  },
  {
    protection: 'P4-16 a read-only server shows what changes nothing',
    file: gateway('catalog/offer.ts'),
    find: " && (!readOnly || annotations?.['readOnlyHint'] === true)",
    replace: ' && readOnly !== undefined && annotations !== null',
    tests: gateway('catalog/pinned.test.ts'),
  },
  {
    protection: 'AUT-14 an approval is good once',
    file: gateway('approval/index.ts'),
    find: 'if (!(await use(nonce, expiresAtMs))) {',
    replace: 'if (nonce === "" && !(await use(nonce, expiresAtMs))) {',
    tests: gateway('approval/approval.test.ts'),
  },
  {
    protection: 'AUT-14 an approval is for the arguments that were shown',
    file: gateway('approval/index.ts'),
    find: 'const digest = paramsDigest(exchange.message.params ?? {});',
    replace: 'const digest = paramsDigest({});',
    tests: gateway('approval/approval.test.ts'),
  },
  {
    protection: 'AUT-08 who lost a right hears of it and loses what it gave',
    file: gateway('subscriptions/index.ts'),
    find: 'for (const standing of before) this.#audienceChanged(standing);',
    replace: '',
    tests: gateway('subscriptions/subscriptions.test.ts'),
  },
];

const limits: readonly Removal[] = [
  {
    protection: 'P3-09 a bucket that is empty refuses',
    file: gateway('admission/bucket.ts'),
    find: 'return used + 1 <= rate.count + ROUNDING;',
    replace: 'return used + 1 <= rate.count + ROUNDING || rate.count > 0;',
    tests: gateway('admission/calls.test.ts'),
  },
  {
    protection: 'P2-14 the calls of a principal at a time are bounded',
    file: gateway('admission/calls.ts'),
    find: 'if (underWay < count) return undefined;',
    replace: 'if (underWay < Infinity) return undefined;',
    tests: gateway('admission/calls.test.ts'),
  },
  {
    protection: 'DOS-10 as many calls as fit wait for a server',
    file: gateway('admission/queue.ts'),
    find: 'if (this.#waiting < serverQueue) return;',
    replace: 'if (this.#waiting < Infinity) return;',
    tests: gateway('admission/target.test.ts'),
  },
  {
    protection: 'P3-09 failed attempts of an address are counted',
    file: server('auth/failures.ts'),
    find: 'return window.count > perMinute ? window.startMs + WINDOW_MS - nowMs : 0;',
    replace: 'return window.count > Infinity ? window.startMs + WINDOW_MS - nowMs : 0;',
    tests: server('auth/failures.test.ts'),
  },
  {
    protection: 'a reload opens nothing',
    file: gateway('config/opening.ts'),
    find: '    ...ofPolicy(before.policy, after.policy),\n',
    replace: '',
    tests: gateway('config/changes.test.ts'),
  },
  {
    protection: 'no condition takes longer than it may',
    file: gateway('policy/condition-steps.ts'),
    find: "if (left < 0) throw new Error('it takes too many steps');",
    replace: '',
    tests: gateway('policy/condition.test.ts'),
  },
];

/** In the order of the parts that they belong to. */
export const REMOVALS: readonly Removal[] = [...credentials, ...listener, ...people, ...rights, ...limits];
